"""Many short calls in a row, and what they leave behind: `python -m tests.server.leaks [--calls 200]`.

The server is a process of its own with the real engine; its memory, threads and sockets are counted from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.server.doubles import Client, Sound, TinyEngine

FRAME_SECONDS = TinyEngine.config.frame_ms / 1000
FRAMES = 40
WARM_UP_CALLS = 20  # caches and pools fill
SETTLE_SECONDS = 6.0  # for what ends by itself a little later


@dataclass(frozen=True)
class Footprint:
    """What a process holds."""

    rss_kib: int
    threads: int
    sockets: int

    @classmethod
    def of(cls, pid: int | str) -> Footprint:
        process = Path("/proc", str(pid))
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        links = [_link(entry) for entry in (process / "fd").iterdir()]
        sockets = sum(link.startswith("socket:") for link in links)
        return cls(int(status["VmRSS"].split()[0]), int(status["Threads"]), sockets)


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:  # closed meanwhile
        return ""


async def hold_call(http: aiohttp.ClientSession, url: str, room: str, frames: int = FRAMES) -> None:
    """Two join, open their channels, speak for so many frames, and close their sockets."""
    async with AsyncExitStack() as stack:
        voices = []
        for name in ("Ada", "Bob"):
            client = Client(await http.ws_connect(url + "ws"))
            stack.push_async_callback(client.socket.close)
            sound = Sound()
            stack.push_async_callback(sound.connection.close)
            await client.join(room, name)
            voices.append((client, sound))
        await voices[0][0].hear()  # that the other has joined
        for client, sound in voices:
            await sound.open(client)
        for _ in range(frames):
            for _, sound in voices:
                sound.send(0.25)
            await asyncio.sleep(FRAME_SECONDS)


async def _hold_calls(url: str, pid: int, calls: int) -> tuple[Footprint, Footprint, int]:
    """Before, after, and how many calls broke, as they may on a busy machine: these must leave nothing either."""
    broken = 0
    async with aiohttp.ClientSession() as http:
        before = Footprint.of(pid)
        for number in range(-WARM_UP_CALLS, calls):
            if number == 0:
                await asyncio.sleep(SETTLE_SECONDS)
                before, broken = Footprint.of(pid), 0
            try:
                await hold_call(http, url, f"call-{number}")
            except (aiohttp.ClientError, AssertionError, TimeoutError):
                broken += 1
        await asyncio.sleep(SETTLE_SECONDS)
        return before, Footprint.of(pid), broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    calls = parser.parse_args().calls
    command = [sys.executable, "-m", "thinline", "serve", "--host", "127.0.0.1", "--port", "0", "--max-sessions", "8"]
    command += ["--log-level", "warning"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[3] + "/"
        before, after, broken = asyncio.run(_hold_calls(url, server.pid, calls))
        with urllib.request.urlopen(url + "readyz", timeout=10) as response:
            seats = json.load(response)["seats_taken"]
    finally:
        server.kill()
        server.wait()
    growth = 100 * (after.rss_kib / before.rss_kib - 1)
    print(f"before {before}\nafter  {after}")
    print(f"{calls} calls, {broken} of them broke: memory {growth:+.2f} %, seats taken {seats}")
    kept = after.threads > before.threads or after.sockets > before.sockets or seats > 0
    return int(kept or growth >= 5)


if __name__ == "__main__":
    sys.exit(main())

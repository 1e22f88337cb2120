"""One load process: many participants on one event loop, both of a call in the same, so that one clock times them."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from client.load.ear import Ear, Mouth, Window
from client.load.network import ImpairedLoop, new_event_loop
from client.load.peer import Peer
from client.load.plan import LoadPlan
from client.load.sides import ProcessFigures, ProcessResult, Progress, side_of
from client.load.voice import Piece, Voice, cut
from codec.audiofile import read_audio

PROGRESS_SECONDS = 0.5
READY = "ready"
STOP = "stop"


def run(plan: LoadPlan, calls: list[int], seed: int, parent: Connection) -> None:
    """Says READY, gets the time of the start (seconds, monotonic), then says Progress and at last its ProcessResult.

    STOP, or a parent that is gone, ends all calls at once. Ctrl-C is the parent's affair.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pieces = cut(read_audio(plan.wav))
    loop = new_event_loop(plan.impairment, seed)
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(_complain)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        parent.send(READY)
        start = parent.recv()
        if start != STOP:
            crowd = Crowd(plan, calls, pieces, start)
            loop.run_until_complete(crowd.run(parent))
            parent.send(crowd.result(loop))


class Crowd:
    """The participants of one process."""

    def __init__(self, plan: LoadPlan, calls: list[int], pieces: list[Piece], start: float) -> None:
        self._plan, self._calls, self._pieces, self._start = plan, calls, pieces, start
        self._window = Window(start + plan.settled_seconds, start + plan.total_seconds)
        self._peers: list[tuple[int, Peer]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._cpu_percent: float | None = None

    async def run(self, parent: Connection) -> None:
        """Holds all calls."""
        loop = asyncio.get_running_loop()
        for call in self._calls:
            self._tasks += self._couple(call)
        helpers = [asyncio.create_task(self._report(parent)), asyncio.create_task(self._watch_cpu())]
        loop.add_reader(parent.fileno(), self._stop, parent)
        os.set_blocking(parent.fileno(), True)  # uvloop made it otherwise, and a long result would not go through
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            loop.remove_reader(parent.fileno())
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    def result(self, loop: asyncio.AbstractEventLoop) -> ProcessResult:
        """What all calls were like, when they are over."""
        sides = [side_of(peer, call) for call, peer in self._peers]
        fates = (loop.out, loop.back) if isinstance(loop, ImpairedLoop) else ()
        lost = sum(fate.lost for fate in fates)
        datagrams = lost + sum(fate.passed for fate in fates)
        figures = ProcessFigures(
            os.getpid(), len(self._calls), self._cpu_percent, _largest_memory_mb(), datagrams, lost
        )
        return ProcessResult(sides, figures)

    def _couple(self, call: int) -> list[asyncio.Task[None]]:
        """Two participants of a room of their own, each of which hears the other."""
        mouths = [Mouth(Voice(self._pieces, 2 * call + side)) for side in range(2)]
        tasks = []
        for side, name in enumerate(("a", "b")):
            ear = Ear(mouths[1 - side], self._window)
            peer = Peer(self._plan, f"load-{self._plan.run}-{call}", name, mouths[side], ear, self._window)
            self._peers.append((call, peer))
            tasks.append(asyncio.create_task(self._later(peer, self._start + self._plan.starts_seconds(call))))
        return tasks

    async def _later(self, peer: Peer, start: float) -> None:
        await asyncio.sleep(start - time.monotonic())
        await peer.run()

    def _stop(self, parent: Connection) -> None:
        """The parent spoke, which it does to stop us, or is gone."""
        asyncio.get_running_loop().remove_reader(parent.fileno())
        self._window.end = min(self._window.end, time.monotonic())
        for task in self._tasks:
            task.cancel()

    async def _report(self, parent: Connection) -> None:
        while True:
            peers = [peer for _, peer in self._peers]
            up = sum(one.talking and other.talking for one, other in zip(peers[::2], peers[1::2], strict=True))
            failed = sum(bool(one.failure or other.failure) for one, other in zip(peers[::2], peers[1::2], strict=True))
            with suppress(BrokenPipeError):
                parent.send(Progress(up, failed, sum(peer.frames_heard for peer in peers)))
            await asyncio.sleep(PROGRESS_SECONDS)

    async def _watch_cpu(self) -> None:
        """Keeps the mean over the measured time fresh, for it may be cut short."""
        await asyncio.sleep(self._window.begin - time.monotonic())
        began, cpu_began = time.monotonic(), time.process_time()
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            self._cpu_percent = 100 * (time.process_time() - cpu_began) / (time.monotonic() - began)


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tasks of aiortc's own may find that their connection was closed under them, as when a test is interrupted: what
    that means for a call its participant says."""
    if not isinstance(context.get("exception"), ConnectionError):
        loop.default_exception_handler(context)


def _largest_memory_mb() -> float:
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (2**20 if sys.platform == "darwin" else 2**10)

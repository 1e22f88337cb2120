"""A real server, clips for the fake microphones, and a place for pictures."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from codec.audiofile import read_audio, write_audio
from tests.browser.chromium import chromium

CLIPS = ("ljspeech_0", "vctk-hifigan_ms_gt_2")  # a woman and a man, 9.7 and 7.8 s
LEAD_IN_SECONDS = 0.5
MICROPHONE_RATE = 48_000
START_SECONDS = 60


@pytest.fixture(scope="session")
def out() -> Path:
    """Where pictures and measurements go; git ignores it."""
    folder = Path(__file__).resolve().parents[2] / "out" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def clips(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What the two microphones say: held-out speech after a short silence."""
    folder = tmp_path_factory.mktemp("clips")
    return [_clip(corpus / "heldout" / "speech" / f"{name}.flac", folder / f"{name}.wav") for name in CLIPS]


def _clip(source: Path, target: Path) -> Path:
    pcm = read_audio(source, MICROPHONE_RATE)
    silence = np.zeros(round(LEAD_IN_SECONDS * MICROPHONE_RATE), np.float32)
    write_audio(target, np.concatenate([silence, pcm]), MICROPHONE_RATE)
    return target


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests of a module that runs in one loop; its microphone beeps."""
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def fresh() -> AsyncIterator[Browser]:
    """One for each test; its microphone beeps."""
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def speaking(clips: list[Path]) -> AsyncIterator[Browser]:
    """One for each test; its microphone speaks the first clip."""
    async with chromium(clips[0]) as browser:
        yield browser


@dataclass(frozen=True)
class Server:
    """A server process and the address of its page."""

    address: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that runs as long as the tests."""
    with serve() as served:
        yield served.address


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may stop."""
    with serve() as served:
        yield served


@contextmanager
def serve(port: int = 0, **variables: str) -> Iterator[Server]:
    """A server process with these environment variables more; on a free port if none is given."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "thinline", "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"THINLINE_DRAIN_SECONDS": "0"} | variables  # pages that are open shall not hold it up
    served = Server(f"http://127.0.0.1:{port}/", subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment))
    try:
        _wait_for(served.address + "readyz", served.process)
        yield served
    finally:
        served.stop()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server ended at once with status {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the server was not ready within {START_SECONDS} s")

"""CPU and memory of the server, where it runs on this machine."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from urllib.parse import SplitResult

import psutil

from client.errors import CallError
from client.signalling import is_loopback

_PORTS = {"ws": 80, "wss": 443}


class ServerProcessError(CallError):
    """A process that can't be watched."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` in seconds, monotonic; `cpu_seconds` since the process began."""

    at: float
    cpu_seconds: float
    memory_mb: float


class ServerProcess:
    """Watches one process by its id. Raises ServerProcessError where there is none that we may look at."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._process = psutil.Process(pid)
            self._process.cpu_times()
        except (psutil.Error, ValueError) as error:
            raise ServerProcessError(f"process {pid} can't be watched: {error}") from None

    @property
    def command(self) -> str:
        try:
            return " ".join(self._process.cmdline())
        except psutil.Error:
            return ""

    def sample(self) -> Sample | None:
        """As it stands now; None when the process is gone."""
        try:
            times, memory = self._process.cpu_times(), self._process.memory_info()
        except psutil.Error:
            return None
        return Sample(time.monotonic(), times.user + times.system, memory.rss / 2**20)


def find(url: SplitResult) -> ServerProcess | None:
    """The process that listens at a loopback address; None for a server elsewhere, or one that we may not see."""
    if not is_loopback(url):
        return None
    port = url.port or _PORTS[url.scheme]
    try:
        pids = {
            entry.pid
            for entry in psutil.net_connections("tcp")
            if entry.status == psutil.CONN_LISTEN and entry.laddr.port == port and entry.pid
        }
    except psutil.Error:
        return None
    if len(pids) != 1 or pids == {os.getpid()}:
        return None
    return ServerProcess(pids.pop())

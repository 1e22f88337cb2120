from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from client.load.server_process import ServerProcess, ServerProcessError, find
from client.signalling import socket_url

LISTEN = """
import socket, sys, time
while time.process_time() < 0.1:  # more than the clock's tick, however fast the machine
    pass
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def listener() -> Iterator[tuple[int, int]]:
    """Another process's id, and the port that it listens on."""
    with subprocess.Popen([sys.executable, "-c", LISTEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())


def test_a_server_on_this_machine_is_found_by_its_port(listener: tuple[int, int]) -> None:
    pid, port = listener
    server = find(socket_url(f"http://127.0.0.1:{port}"))
    assert server is not None
    assert server.pid == pid
    sample = server.sample()
    assert sample is not None
    assert sample.memory_mb > 1
    assert sample.cpu_seconds > 0


def test_elsewhere_nothing_is_looked_for() -> None:
    assert find(socket_url("http://192.0.2.1:8080")) is None


def test_where_nobody_listens_nothing_is_found() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert find(socket_url(f"http://127.0.0.1:{free.getsockname()[1]}")) is None


def test_our_own_process_is_not_taken_for_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert find(socket_url(f"http://127.0.0.1:{listening.getsockname()[1]}")) is None
    assert ServerProcess(os.getpid()).sample() is not None


def test_a_process_that_is_not_there() -> None:
    with pytest.raises(ServerProcessError, match="process 4194304999 can't be watched"):
        ServerProcess(4194304999)


def test_a_process_that_ends_gives_no_sample(listener: tuple[int, int]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        server = ServerProcess(process.pid)
        process.kill()
        process.wait()
    assert server.sample() is None

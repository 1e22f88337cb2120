from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from client.errors import CallError
from client.signalling import is_loopback, socket_url


@pytest.mark.parametrize(
    ("server", "socket"),
    [
        ("http://localhost:8080", "ws://localhost:8080/ws"),
        ("https://calls.example", "wss://calls.example/ws"),
        ("https://example/thinline/", "wss://example/thinline/ws"),
        ("ws://[::1]:9000", "ws://[::1]:9000/ws"),
    ],
)
def test_socket_url(server: str, socket: str) -> None:
    assert socket_url(server).geturl() == socket


@pytest.mark.parametrize("server", ["", "localhost:8080", "ftp://localhost", "http://", "http://localhost:port"])
def test_what_is_no_address(server: str) -> None:
    with pytest.raises(CallError, match="no server address"):
        socket_url(server)


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.1", True), ("[::1]", True), ("192.168.1.2", False), ("localhost.example", False)],
)
def test_is_loopback(host: str, here: bool) -> None:
    assert is_loopback(urlsplit(f"ws://{host}:8080/ws")) is here

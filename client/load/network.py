"""An event loop whose UDP sockets have a bad network before them, on the way out and again on the way in."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop

from client.load.impairment import Fate, Impairment


def new_event_loop(impairment: Impairment, seed: int) -> asyncio.AbstractEventLoop:
    """A loop for one load process. Without an impairment nothing stands between the sockets and their users."""
    return uvloop.new_event_loop() if impairment.nothing else ImpairedLoop(impairment, seed)


class ImpairedLoop(uvloop.Loop):
    """`out` and `back` decide what becomes of each datagram, whichever socket it takes."""

    def __init__(self, impairment: Impairment, seed: int) -> None:
        super().__init__()
        self.out = Fate(impairment, 2 * seed)
        self.back = Fate(impairment, 2 * seed + 1)

    async def create_datagram_endpoint(self, protocol_factory: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
        def impaired() -> _Protocol:
            return _Protocol(self, protocol_factory())

        _, protocol = await super().create_datagram_endpoint(impaired, *args, **options)
        return protocol.transport, protocol.inner


class _Protocol(asyncio.DatagramProtocol):
    """Between a socket and the protocol that believes to own it."""

    transport: _Transport

    def __init__(self, loop: ImpairedLoop, inner: asyncio.DatagramProtocol) -> None:
        self.inner = inner
        self._loop = loop

    def connection_made(self, transport: Any) -> None:
        self.transport = _Transport(self._loop, transport)
        self.inner.connection_made(self.transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        delay = self._loop.back.delay_seconds()
        if delay is not None:
            self._loop.call_later(delay, self._deliver, data, addr)

    def error_received(self, exc: Exception) -> None:
        self.inner.error_received(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)

    def _deliver(self, data: bytes, addr: Any) -> None:
        if not self.transport.is_closing():
            self.inner.datagram_received(data, addr)


class _Transport(asyncio.DatagramTransport):
    """Sends late, or not at all."""

    def __init__(self, loop: ImpairedLoop, transport: asyncio.DatagramTransport) -> None:
        super().__init__()
        self._loop = loop
        self._transport = transport

    def sendto(self, data: Any, addr: Any = None) -> None:
        delay = self._loop.out.delay_seconds()
        if delay is not None:
            self._loop.call_later(delay, self._send, bytes(data), addr)

    def _send(self, data: bytes, addr: Any) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(data, addr)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

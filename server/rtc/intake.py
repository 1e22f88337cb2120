"""Datagrams straight from the socket to whom they concern, once aiortc has set the connection up.

aiortc hands each datagram from task to task through a queue, which costs more than the cryptography. An intake stands
before that: its taker sees each datagram first and says whether it took it. What it leaves goes on as ever: STUN and
its consent checks, RTCP, the handshake before and the end after. It uses inner names of aioice, which constraints.txt
pins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiortc import RTCDtlsTransport


class Intake:
    """Raises AttributeError where aioice is not the one that this was written for; the connection stays as it was."""

    def __init__(self, dtls: RTCDtlsTransport, taker: Callable[[bytes], bool]) -> None:
        self._ice: Any = dtls.transport._connection
        self._hooked: list[Any] = list(self._ice._protocols)
        for protocol in self._hooked:
            protocol.datagram_received = _before(taker, protocol.datagram_received)

    def send(self, datagram: bytes) -> None:
        """Sends to the other end. Does nothing where the connection has ended."""
        pair = self._ice._nominated.get(1)
        if pair is not None:
            pair.protocol.transport.sendto(datagram, pair.remote_addr)

    def end(self) -> None:
        """The other end has said goodbye: tells aiortc that the connection is over."""
        self._ice._queue.put_nowait(None)

    def close(self) -> None:
        """Gives the datagrams back to aiortc."""
        for protocol in self._hooked:
            protocol.__dict__.pop("datagram_received", None)
        self._hooked.clear()


def _before(taker: Callable[[bytes], bool], others: Callable[[bytes, Any], None]) -> Callable[[bytes, Any], None]:
    def datagram_received(data: bytes, address: Any) -> None:
        if data and not taker(data):  # a datagram of nothing would make aiortc end the connection
            others(data, address)

    return datagram_received

"""What every way of the sound between a browser and the server has in common (docs/transports.md).

Whatever the way, one *frame* goes through as the message of server/media/frame.py: a sequence number, the sender's
clock, 320 samples of 24 kHz mono int16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class SdpError(ValueError):
    """An offer or a candidate that can't be used."""


@dataclass(frozen=True, slots=True)
class PeerEvents:
    """What the session hears of its peer connection, all on the event loop.

    `on_open` is called once, when sound can flow; `on_frame` gets each message that came, whether it is a frame or not;
    `on_failed` gets the cause. A connection that the browser closes in order says nothing: its frames end.
    """

    on_open: Callable[[], None]
    on_frame: Callable[[bytes], None]
    on_failed: Callable[[str], None]


class Transport(Protocol):
    """One way for the sound, bound to a peer connection before its offer is taken."""

    def send(self, message: bytes) -> bool:
        """Sends a frame as soon as the line takes it; False if this cost a frame. Never waits."""

    def connected(self) -> None:
        """The peer connection stands: ICE and DTLS are done."""

    def amend(self, answer_sdp: str) -> str:
        """The answer as the browser shall see it."""

    def close(self) -> None:
        """Nothing is sent or heard from now on; the connection itself is closed by its owner."""

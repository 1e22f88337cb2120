"""What every way of the sound between a browser and the server has in common (docs/transports.md).

Whatever the way, one *frame* goes through as the message of server/media/frame.py: a sequence number, the sender's
clock, 320 samples of 24 kHz mono int16.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)


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


class Work:
    """A step of a transport that is no network step: done on a codec thread, in turn with its `stream`'s others.

    `done` gets the result on the event loop, or None where the work came too late (after `deadline`, seconds of
    time.monotonic) or raised ValueError, as on a payload that is broken.
    """

    def __init__(
        self, stream: object, work: Callable[[], T], deadline: float, done: Callable[[T | None], None]
    ) -> None:
        self.stream = stream
        self.deadline = deadline
        self._work = work
        self._done = done
        self._result: object = None

    def begin(self) -> None:
        with suppress(ValueError):
            self._result = self._work()

    def finish(self, result: object, seconds: float) -> None:
        """It was all done at the beginning."""

    def pass_over(self) -> None:
        """Its result stays None."""

    def deliver(self) -> None:
        self._done(self._result)  # type: ignore[arg-type]

    def fail(self, error: Exception) -> None:
        logger.error("a transport failed", exc_info=error)


@dataclass(frozen=True, slots=True)
class PeerContext:
    """What a transport may use. `submit` takes work for this participant's codec thread."""

    events: PeerEvents
    submit: Callable[[Work], None]


class Transport(Protocol):
    """One way for the sound, bound to a peer connection before its offer is taken."""

    @property
    def sends(self) -> bool:
        """Whether the other end wants to hear; known once the answer was made."""

    @property
    def receives(self) -> bool:
        """Whether the other end has something to say."""

    def send(self, message: bytes) -> bool:
        """Sends a frame as soon as the line takes it; False if this cost a frame. Never waits."""

    def connected(self) -> None:
        """The peer connection stands: ICE and DTLS are done."""

    def amend(self, answer_sdp: str) -> str:
        """The answer as the browser shall see it."""

    def close(self) -> None:
        """Nothing is sent or heard from now on; the connection itself is closed by its owner."""

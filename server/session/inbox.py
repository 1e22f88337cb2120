"""What can come into a session's inbox, and the two ways in which handling it can end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.protocol import Bye, Error, ServerMessage

if TYPE_CHECKING:
    from server.session.link import Link
    from server.session.session import Session


@dataclass(frozen=True, slots=True)
class Heard:
    """The client sent this."""

    text: str | bytes


@dataclass(frozen=True, slots=True)
class SocketGone:
    """This socket of the client's is closed or dead."""

    link: Link


@dataclass(frozen=True, slots=True)
class Resumed:
    """The client is back, on a new socket."""

    link: Link


@dataclass(frozen=True, slots=True)
class MediaGone:
    """The peer connection has ended."""

    cause: str


@dataclass(frozen=True, slots=True)
class CodecFailed:
    """A step of this session's streams went wrong; the log has the details."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The node ends."""


@dataclass(frozen=True, slots=True)
class OtherJoined:
    other: Session


@dataclass(frozen=True, slots=True)
class OtherLeft:
    other: Session
    reason: str


@dataclass(frozen=True, slots=True)
class BitrateChanged:
    """The room's bitrate is another; `by` is the session that asked for it. `frame` gets the first one that has it."""

    bitrate_kbps: float
    by: str
    frame: asyncio.Future[int | None] | None = None


@dataclass(frozen=True, slots=True)
class DenoiseOrdered:
    """An operator switches denoising of this voice; `frame` gets the one at which the ramp begins."""

    denoise: bool
    frame: asyncio.Future[int | None]


@dataclass(frozen=True, slots=True)
class HangUp:
    """An operator ends this session."""


@dataclass(frozen=True, slots=True)
class Relay:
    """To be passed on to the client as it is."""

    message: ServerMessage


Item = (
    Heard
    | SocketGone
    | Resumed
    | MediaGone
    | CodecFailed
    | Shutdown
    | HangUp
    | OtherJoined
    | OtherLeft
    | BitrateChanged
    | DenoiseOrdered
    | Relay
)


class EndingError(Exception):
    """The session is over: `reason` is for the others, `farewell` for this client."""

    def __init__(self, reason: str, farewell: Bye | Error | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.farewell = farewell


class ComplaintError(Exception):
    """The client asked for what can't be; the session goes on."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.error = Error(code, text)


FAULT = Error("internal", "the server made a mistake; its log has the details")


def ending_of(item: Item) -> EndingError:
    """How a session ends by an event that ends it."""
    match item:
        case SocketGone():
            return EndingError("vanished")
        case MediaGone(cause):
            return EndingError("vanished", Error("media", cause))
        case Shutdown():
            return EndingError("left", Bye("shutdown"))
        case HangUp():
            return EndingError("left", Bye("operator"))
        case CodecFailed():
            return EndingError("failed", FAULT)
        case _:
            raise AssertionError(f"{item} ends nothing")


def settle(answer: asyncio.Future[int | None] | None, frame: int | None) -> None:
    """Gives an operator the frame, if one waits for it still."""
    if answer is not None and not answer.done():
        answer.set_result(frame)

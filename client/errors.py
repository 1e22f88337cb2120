"""What can go wrong in a call, as sentences for the person who made it.

    CallError
    ├── UnreachableError      no server answers at that address, or it is not ours
    ├── RefusedError          the server said no; `code` is one of docs/signalling.md
    ├── PeerConnectionError   signalling worked, the peer connection did not
    └── ServerGoneError       the server ended or vanished in mid-call
"""

from __future__ import annotations

PASSING_CODES = {"media", "internal", "node-full", "room-full"}  # as while the server restarts, or our old seat is kept


class CallError(Exception):
    """A call that could not be made or kept. `passing`: another try, later, may succeed."""

    passing = False


class UnreachableError(CallError):
    """No connection to the server, or what answers is no thinline server."""

    passing = True


class RefusedError(CallError):
    """An `error` of the server."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code
        self.passing = code in PASSING_CODES


class PeerConnectionError(CallError):
    """The peer connection or its data channel could not be had, or broke."""

    passing = True


class ServerGoneError(CallError):
    """The signalling socket closed, or went dead, while the call was on."""

    passing = True

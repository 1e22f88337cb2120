"""What an operator may order: an order goes into the inbox of its session, in turn with everything else.

    OrderError        the order was not carried out; the text is for the operator
      UnknownError    there is no such call or session
      RefusedError    it asks for what can't be
      GoneError       the session ended before its turn came
      SlowError       its turn did not come within ORDER_SECONDS
"""

from __future__ import annotations

import asyncio
from typing import Any

from server.media.plane import BitrateError
from server.rooms import Room
from server.session.inbox import BitrateChanged, DenoiseOrdered, HangUp
from server.session.node import Node
from server.session.session import Session

ORDER_SECONDS = 10.0
OPERATOR = "operator"  # stands in `bitrate` messages in place of a session


class OrderError(Exception):
    """The order was not carried out."""


class UnknownError(OrderError):
    """There is no such call or session."""


class RefusedError(OrderError):
    """It asks for what can't be."""


class GoneError(OrderError):
    """The session ended before its turn came."""


class SlowError(OrderError):
    """Its turn did not come in time."""


def calls(node: Node) -> list[Room[Session]]:
    """All calls, the oldest first."""
    return list(node.rooms)


def find_call(node: Node, call: str) -> Room[Session]:
    """Raises UnknownError."""
    for room in calls(node):
        if room.call == call:
            return room
    raise UnknownError(f"there is no call {call!r}")


def find_session(node: Node, session: str) -> Session:
    """One that has a seat. Raises UnknownError."""
    for room in node.rooms:
        for member in room.members:
            if member.id == session:
                return member
    raise UnknownError(f"there is no session {session!r}")


async def order_denoise(session: Session, denoise: bool) -> int | None:
    """The frame of this voice at which the ramp begins, None while it has said nothing yet. Raises OrderError."""
    frame = _answer()
    session.post(DenoiseOrdered(denoise, frame))
    return await _frame(frame, session)


async def order_bitrate(node: Node, room: Room[Session], bitrate_kbps: float) -> dict[Session, int | None]:
    """The first frame of each voice that has the bitrate, None where it has said nothing yet. Raises OrderError.

    Operators are not bound by what a caller's token allows.
    """
    try:
        node.media.n_q(bitrate_kbps)
    except BitrateError as error:
        raise RefusedError(str(error)) from None
    room.bitrate_kbps = bitrate_kbps
    frames = {member: _answer() for member in room.members}
    for member, frame in frames.items():
        member.post(BitrateChanged(bitrate_kbps, OPERATOR, frame))
    return {member: await _frame(frame, member) for member, frame in frames.items()}


async def order_end(session: Session) -> None:
    """Returns when the session is over. Raises SlowError."""
    session.post(HangUp())
    await _first_of(None, session)


def _answer() -> asyncio.Future[int | None]:
    return asyncio.get_running_loop().create_future()


async def _frame(answer: asyncio.Future[int | None], session: Session) -> int | None:
    """What the session answers. Raises GoneError or SlowError."""
    await _first_of(answer, session)
    if not answer.done():
        raise GoneError(f"session {session.id} ended before its turn came")
    return answer.result()


async def _first_of(answer: asyncio.Future[int | None] | None, session: Session) -> None:
    """Waits for the answer, if there is one, or for the session's end. Raises SlowError."""
    waits: list[asyncio.Future[Any]] = [asyncio.create_task(session.ended.wait())]
    if answer is not None:
        waits.append(answer)
    try:
        done, _ = await asyncio.wait(waits, timeout=ORDER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waits[0].cancel()
    if not done:
        raise SlowError(f"session {session.id} did not come to it within {ORDER_SECONDS:g} s")

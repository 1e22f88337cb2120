"""What operators can do, as handlers of requests that have passed the guard."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import Any

from aiohttp import web

from server.http.ops.bodies import BodyError, read_body
from server.http.ops.records import (
    BeginDrain,
    BitrateSet,
    CallList,
    CallState,
    Capacity,
    DenoiseSet,
    Figures,
    SessionFrame,
    SessionList,
    SessionState,
    SetBitrate,
    SetDenoise,
)
from server.rooms import Room
from server.session import Node, Session
from server.session.orders import calls, find_call, find_session, order_bitrate, order_denoise, order_end

OPERATOR = web.RequestKey("operator", str)
LONGEST_DRAIN_SECONDS = 86400

logger = logging.getLogger(__name__)


class Desk:
    """The node, as operators see it. Every change is logged with who made it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def list_calls(self, _: web.Request) -> web.Response:
        return _json(CallList(tuple(map(_call_state, calls(self._node)))))

    async def show_call(self, request: web.Request) -> web.Response:
        return _json(_call_state(find_call(self._node, request.match_info["call"])))

    async def set_bitrate(self, request: web.Request) -> web.Response:
        order = await read_body(request, SetBitrate)
        room = find_call(self._node, request.match_info["call"])
        frames = await order_bitrate(self._node, room, order.bitrate_kbps)
        _note(request, "set bitrate", call=room.call, bitrate_kbps=order.bitrate_kbps)
        sessions = tuple(SessionFrame(session.id, frame) for session, frame in frames.items())
        return _json(BitrateSet(room.call, order.bitrate_kbps, sessions))

    async def list_sessions(self, _: web.Request) -> web.Response:
        members = (session for room in calls(self._node) for session in room.members)
        return _json(SessionList(tuple(map(_session_state, members))))

    async def show_session(self, request: web.Request) -> web.Response:
        return _json(_session_state(self._session(request)))

    async def set_denoise(self, request: web.Request) -> web.Response:
        order = await read_body(request, SetDenoise)
        session = self._session(request)
        frame = await order_denoise(session, order.denoise)
        _note(request, "set denoise", session=session.id, denoise=order.denoise, frame=frame)
        return _json(DenoiseSet(session.id, order.denoise, frame))

    async def end_session(self, request: web.Request) -> web.Response:
        session = self._session(request)
        await order_end(session)
        _note(request, "ended session", session=session.id, call=session.room.call)
        return web.Response(status=204)

    async def show_capacity(self, _: web.Request) -> web.Response:
        return _json(self._capacity())

    async def begin_drain(self, request: web.Request) -> web.Response:
        order = await read_body(request, BeginDrain)
        if not 0 <= order.seconds <= LONGEST_DRAIN_SECONDS:
            raise BodyError(f"field seconds must lie in 0..{LONGEST_DRAIN_SECONDS}", 422)
        _note(request, "began drain", seconds=order.seconds)
        self._node.drain(order.seconds)
        return _json(self._capacity())

    async def end_drain(self, request: web.Request) -> web.Response:
        _note(request, "ended drain")
        self._node.undrain()
        return _json(self._capacity())

    def _session(self, request: web.Request) -> Session:
        return find_session(self._node, request.match_info["session"])

    def _capacity(self) -> Capacity:
        node = self._node
        codec, reasons = node.media.codec, tuple(node.unready())
        return Capacity(
            node.rooms.capacity,
            node.rooms.seats_taken,
            len(node.rooms),
            node.media.late,
            not reasons,
            reasons,
            node.draining,
            codec.model_id,
            codec.engine,
            node.media.config.bitrates_kbps,
        )


def _call_state(room: Room[Session]) -> CallState:
    return CallState(room.call, room.name, room.bitrate_kbps, tuple(map(_session_state, room.members)))


def _session_state(session: Session) -> SessionState:
    media, participant = session.media, session.participant
    return SessionState(
        session.id,
        session.room.call,
        participant.name,
        round(time.monotonic() - session.joined_at, 3),
        participant.denoise,
        media.transport,
        media.flows,
        None if media.latest is None else Figures(**asdict(media.latest)),
    )


def _json(record: Any) -> web.Response:
    return web.json_response(asdict(record))


def _note(request: web.Request, change: str, **facts: object) -> None:
    logger.info(f"operator {change}", extra={"facts": {"operator": request[OPERATOR], **facts}})

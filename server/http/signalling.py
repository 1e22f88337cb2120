"""The WebSocket at `/ws`: hands each socket to a session."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from server.http.allowance import Allowance
from server.http.visitors import Visitors
from server.protocol import MESSAGE_LIMIT_BYTES, Error, serialise
from server.session import Limits, Node, Visitor, attend

TOO_FAST = Error("rate", "these were too many messages in too short a time")

CLOSE_SECONDS = 2.0
CUT_OFF_BYTES = 4 * MESSAGE_LIMIT_BYTES  # up to this a message that is too long gets an answer, beyond it none


class _Socket:
    """An aiohttp WebSocket as sessions see it."""

    def __init__(self, socket: web.WebSocketResponse, limits: Limits) -> None:
        self._socket = socket
        self._allowance = Allowance(limits.messages_per_second, limits.messages_at_once, time.monotonic())
        self.closed_in_order = False

    async def receive(self) -> str | bytes | None:
        message: WSMessage = await self._socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            if not self._allowance.take(time.monotonic()):
                await self.send(serialise(TOO_FAST))
                self.closed_in_order = True
                return None
            return message.data  # type: ignore[no-any-return]
        self.closed_in_order = message.type is WSMsgType.CLOSE and message.data == WSCloseCode.OK
        return None

    async def send(self, text: str) -> None:
        # A socket that breaks is noticed by the one who receives.
        with suppress(ConnectionError):
            await self._socket.send_str(text)


def signalling_routes(node: Node, visitors: Visitors) -> list[web.RouteDef]:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        if not _same_origin(request):
            raise web.HTTPForbidden(text="This page may not open a call here: it comes from another site.\n")
        visitor = visitors.visitor(request)
        if _too_many(node, visitor):
            node.books.refusals["too-many-sockets"] += 1
            raise web.HTTPTooManyRequests(text="There are too many connections from your address already.\n")
        socket = web.WebSocketResponse(
            heartbeat=node.limits.heartbeat_seconds,
            timeout=CLOSE_SECONDS,
            max_msg_size=CUT_OFF_BYTES,
            compress=False,
        )
        await socket.prepare(request)
        try:
            await attend(node, _Socket(socket, node.limits), visitor)
        finally:
            await asyncio.wait_for(socket.close(), 2 * CLOSE_SECONDS)
        return socket

    return [web.get("/ws", handle)]


def _too_many(node: Node, visitor: Visitor) -> bool:
    household = visitor.household
    if not household:
        return False
    there = sum(session.visitor.household == household for session in node.sessions)
    return there >= max(node.limits.sockets_per_address, 2 * node.limits.seats_per_address)


def _same_origin(request: web.Request) -> bool:
    """Browsers say whose page opens the socket; programs that are no browsers say nothing."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()

"""The WebSocket at `/ws`: hands each socket to a session."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from server.http.visitors import Visitors
from server.protocol import MESSAGE_LIMIT_BYTES
from server.session import Node, attend

CLOSE_SECONDS = 2.0
CUT_OFF_BYTES = 4 * MESSAGE_LIMIT_BYTES  # up to this a message that is too long gets an answer, beyond it none


class _Socket:
    """An aiohttp WebSocket as sessions see it."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self.closed_in_order = False

    async def receive(self) -> str | bytes | None:
        message: WSMessage = await self._socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
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
        socket = web.WebSocketResponse(
            heartbeat=node.limits.heartbeat_seconds,
            timeout=CLOSE_SECONDS,
            max_msg_size=CUT_OFF_BYTES,
            compress=False,
        )
        await socket.prepare(request)
        try:
            await attend(node, _Socket(socket), visitors.visitor(request))
        finally:
            await asyncio.wait_for(socket.close(), 2 * CLOSE_SECONDS)
        return socket

    return [web.get("/ws", handle)]


def _same_origin(request: web.Request) -> bool:
    """Browsers say whose page opens the socket; programs that are no browsers say nothing."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()

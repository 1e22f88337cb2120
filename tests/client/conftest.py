"""A server for tests of the caller alone: real signalling and WebRTC, but it sends each caller its own voice back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from client.caller import offer_loopback
from client.frame import CODEC
from server.protocol import (
    Answer,
    Codec,
    Error,
    Join,
    Joined,
    Leave,
    Offer,
    Participant,
    Ping,
    Pong,
    Room,
    ServerMessage,
    SetBitrate,
    Stats,
    parse_client,
    serialise,
)

ECHO = Participant("e", "Echo", False)


@dataclass
class EchoServer:
    """Its fields say how it misbehaves; set them before the call."""

    url: str = ""
    refusal: Error | None = None
    sample_rate: int = CODEC.sample_rate
    answers_pings: bool = True
    answers_offers: bool = True
    lose_every: int = 0  # of the echoed frames
    close_after_frames: int = 0
    alone: bool = False
    heard: list[object] = field(default_factory=list)  # every message that came
    frames: int = 0

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("datachannel", lambda channel: channel.on("message", lambda data: self._echo(socket, channel, data)))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._answer(socket, peer, message.data)
        finally:
            await peer.close()
        return socket

    async def _answer(self, socket: web.WebSocketResponse, peer: RTCPeerConnection, text: str) -> None:
        message = parse_client(text)
        self.heard.append(message)
        match message:
            case Join():
                codec = Codec("0" * 16, "base", "onnx", self.sample_rate, CODEC.hop)
                room = Room(message.room, 6.0, CODEC.bitrates_kbps, () if self.alone else (ECHO,))
                await self._send(socket, self.refusal or Joined(1, "s", (), room, codec, "comeback"))
            case Offer() if self.answers_offers:
                await peer.setRemoteDescription(RTCSessionDescription(message.sdp, "offer"))
                await peer.setLocalDescription(await peer.createAnswer())
                await self._send(socket, Answer(peer.localDescription.sdp))
                await self._send(socket, Stats(1, 0, 0, 6.0, 9.0, 0.2, 0.1, 1, 0, 0, 26.0))
            case Ping() if self.answers_pings:
                await self._send(socket, Pong(message.id))
                await self._send(socket, Stats(90, 9, 1, 6.0, 9.0, 0.2, 0.1, 70, 3, 2, 26.0))
            case SetBitrate():
                await self._send(socket, Error("bitrate", "not that one"))
            case Leave():
                await socket.close()

    async def _send(self, socket: web.WebSocketResponse, message: ServerMessage) -> None:
        await socket.send_str(serialise(message))

    def _echo(self, socket: web.WebSocketResponse, channel: RTCDataChannel, data: bytes) -> None:
        self.frames += 1
        if self.frames == self.close_after_frames:
            self._closing = asyncio.ensure_future(socket.close())
        if not self.lose_every or self.frames % self.lose_every:
            channel.send(data)


@pytest.fixture
async def echo_server() -> AsyncIterator[EchoServer]:
    offer_loopback()
    server = EchoServer()
    app = web.Application()
    app.router.add_get("/ws", server.handle)
    async with TestServer(app) as listening:
        server.url = str(listening.make_url("/"))
        yield server

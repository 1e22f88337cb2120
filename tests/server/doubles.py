"""A codec that is quick and simple to reckon with, and a client that says what it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import aiohttp
import numpy as np
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from codec.config import CodecConfig
from codec.engine.base import Codes, DecodeStep, EncodeStep, Pcm, State
from codec.highband import USUAL_SHARES, Parts
from server.app import NODE
from server.media.frame import frame_to_bytes
from server.protocol import (
    VERSION,
    Answer,
    ClientMessage,
    Error,
    Join,
    Joined,
    Offer,
    ServerMessage,
    Stats,
    parse_server,
    serialise,
)
from server.rtc.transport import Work
from server.session import Limits, Node
from tests.codec.codemodels import even

PATIENCE_SECONDS = 60  # for a busy machine; nothing waits so long on purpose


class TinyEngine:
    """Stands for the network only: a frame's codes say its first sample, and it decodes to that sample throughout."""

    name = "tiny"
    precision = "fp32"
    model_id = "0123456789abcdef"
    config = CodecConfig()
    code_model = even()

    def __init__(self) -> None:
        self.threads: dict[int, set[int]] = {}  # by stream: on which threads it ran
        self.held = threading.Event()  # while it is clear, every step waits
        self.held.set()
        self.broken = False
        self._streams = 0

    def encoder_state(self) -> State:
        self._streams += 1
        self.threads[self._streams] = set()
        return self._streams

    decoder_state = encoder_state

    def encode(self, pcm: Pcm, n_q: int, denoise: float, state: State) -> tuple[Codes, State]:
        self._step(state)
        return np.full(n_q, round((float(pcm[0]) + 1) / 2 * 1023), np.int16), state

    def high_powers(self, state: State) -> Parts:
        return np.zeros_like(USUAL_SHARES)

    def decode(self, codes: Codes, state: State, shares: Parts = USUAL_SHARES) -> tuple[Pcm, State]:
        self._step(state)
        return np.full(self.config.hop, float(codes[0]) / 1023 * 2 - 1, np.float32), state

    def encode_many(self, steps: Sequence[EncodeStep]) -> list[tuple[Codes, State]]:
        return [self.encode(*step) for step in steps]

    def decode_many(self, steps: Sequence[DecodeStep]) -> list[tuple[Pcm, State]]:
        return [self.decode(*step) for step in steps]

    def _step(self, stream: int) -> None:
        self.held.wait(PATIENCE_SECONDS)
        self.threads[stream].add(threading.get_ident())
        if self.broken:
            raise RuntimeError("the engine was told to break")


def run_at_once(work: Work) -> None:
    """Stands for a codec thread."""
    work.begin()
    work.deliver()


class Client:
    """One WebSocket, spoken to in messages. It reads all the time, as browsers do, for pings want their answer."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while (message := await self.socket.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING):
            if message.type is aiohttp.WSMsgType.TEXT:
                self._texts.put_nowait(message.data)
        self._texts.put_nowait(None)

    async def say(self, message: ClientMessage) -> None:
        await self.socket.send_str(serialise(message))

    async def hear(self) -> ServerMessage:
        """The next message that is no `stats`."""
        while isinstance(message := await self.hear_any(), Stats):
            pass
        return message

    async def hear_any(self) -> ServerMessage:
        text = await asyncio.wait_for(self._texts.get(), PATIENCE_SECONDS)
        assert text is not None, "the server closed the socket"
        return parse_server(text)

    async def hear_error(self) -> Error:
        message = await self.hear()
        assert isinstance(message, Error), message
        return message

    async def join(self, room: str = "r", name: str = "Ada", bitrate_kbps: float | None = None) -> Joined:
        await self.say(Join(VERSION, room, name, bitrate_kbps))
        message = await self.hear()
        assert isinstance(message, Joined), message
        return message

    async def resume(self, token: str) -> Joined:
        """Joins as one who was here before."""
        await self.say(Join(VERSION, "elsewhere", "Nobody", resume=token))
        message = await self.hear()
        assert isinstance(message, Joined), message
        return message

    def break_off(self) -> None:
        """The network fails: the connection is gone without a goodbye."""
        self.socket._response.connection.transport.abort()  # type: ignore[union-attr]

    async def closed(self) -> bool:
        """Waits for what comes next and says whether it is the end."""
        return await asyncio.wait_for(self._texts.get(), PATIENCE_SECONDS) is None


class Sound:
    """A data channel to the server, with what came over it."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.connection.createDataChannel("pcm", ordered=False, maxRetransmits=0)
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.sent = 0
        self._opened = asyncio.Event()
        self.channel.on("open", self._opened.set)
        self.channel.on("message", self.heard.put_nowait)

    async def open(self, client: Client) -> None:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        await client.say(Offer(self.connection.localDescription.sdp))
        answer = await client.hear()
        assert isinstance(answer, Answer), answer
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        await asyncio.wait_for(self._opened.wait(), PATIENCE_SECONDS)

    def send(self, level: float) -> None:
        """One frame that stands at `level` throughout."""
        self.channel.send(frame_to_bytes(self.sent, 0, np.full(TinyEngine.config.hop, level, np.float32)))
        self.sent += 1


class Server:
    """The application on a free port of the loopback."""

    def __init__(self, server: TestServer, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack
        self._http = aiohttp.ClientSession()
        self._clients: list[Client] = []  # a socket that nobody holds is closed, so the test's stack holds them
        stack.callback(self._clients.clear)
        stack.push_async_callback(self._http.close)

    @property
    def app(self) -> web.Application:
        return self._server.app

    @property
    def node(self) -> Node:
        return self._server.app[NODE]

    @property
    def url(self) -> str:
        return str(self._server.make_url("/"))

    async def close(self) -> None:
        """Ends it before the test ends."""
        await self._server.close()

    def get(self, path: str, **headers: str) -> aiohttp.client._RequestContextManager:
        return self._http.get(self._server.make_url(path), headers={k.replace("_", "-"): v for k, v in headers.items()})

    def request(self, method: str, path: str, headers: dict[str, str]) -> aiohttp.client._RequestContextManager:
        return self._http.request(method, self._server.make_url(path), headers=headers)

    async def connect(self, **headers: str) -> Client:
        client = Client(await self._http.ws_connect(self._server.make_url("/ws"), headers=headers))
        self._clients.append(client)
        return client

    def sound(self) -> Sound:
        sound = Sound()
        self._stack.push_async_callback(sound.connection.close)
        return sound


PATIENT = Limits(PATIENCE_SECONDS, PATIENCE_SECONDS, PATIENCE_SECONDS, heartbeat_seconds=PATIENCE_SECONDS)
Serve = Callable[..., Awaitable[Server]]

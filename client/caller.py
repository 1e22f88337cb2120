"""The headless WebRTC peer: the client's only use of aiortc."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import aioice.ice
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from client.errors import PeerConnectionError
from client.frame import Frame, FrameError
from server.protocol import IceServer

LABEL = "pcm"
MAX_BUFFERED_BYTES = 2_000  # above this a frame is dropped, so that delay does not grow
OPEN_SECONDS = 15.0


_loopback: ContextVar[bool] = ContextVar("loopback", default=False)
_gathered = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    addresses = list(_gathered(use_ipv4=use_ipv4, use_ipv6=use_ipv6))
    return ["127.0.0.1", *addresses] if use_ipv4 and _loopback.get() else addresses


aioice.ice.get_host_addresses = _host_addresses


def offer_loopback() -> None:
    """From now on this task, and what it starts, offers 127.0.0.1 too: aioice leaves it out, and a server may listen
    only there."""
    _loopback.set(True)


class Caller:
    """The offerer, with the one data channel that carries frames both ways.

    `on_frame` is called for each frame that comes. In order: `offer()`, `accept(answer)`, `wait_open()`, `send(frame)`
    as often as wanted, `close()`. Raises PeerConnectionError for ICE servers that make no sense.
    """

    def __init__(self, ice_servers: tuple[IceServer, ...], on_frame: Callable[[Frame], None]) -> None:
        # An empty list matters: None would mean a public STUN server.
        servers = [RTCIceServer(list(server.urls), server.username, server.credential) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        try:
            self._channel = self._connection.createDataChannel(LABEL, ordered=False, maxRetransmits=0)
        except ValueError as error:
            raise PeerConnectionError(f"the server names ICE servers that can't be used: {error}") from None
        self._on_frame = on_frame
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self.malformed = 0  # messages that were no frame
        self._connection.on("connectionstatechange", self._state_changed)
        self._channel.on("open", self._opened.set)
        self._channel.on("close", self._ended.set)
        self._channel.on("message", self._received)

    async def offer(self) -> str:
        """The offer's SDP, all candidates in it. Raises PeerConnectionError if none can be gathered."""
        try:
            await self._connection.setLocalDescription(await self._connection.createOffer())
        except OSError as error:
            raise PeerConnectionError(f"no offer could be made: {error}") from None
        return self._connection.localDescription.sdp

    async def accept(self, sdp: str) -> None:
        """Takes the server's answer. Raises PeerConnectionError if it is none."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except Exception as error:  # whatever the parser stumbles over
            raise PeerConnectionError(f"the server's answer can't be used: {error}") from None

    async def wait_open(self) -> None:
        """Raises PeerConnectionError if the channel can't be opened."""
        opened, ended = asyncio.create_task(self._opened.wait()), asyncio.create_task(self._ended.wait())
        try:
            done, _ = await asyncio.wait({opened, ended}, timeout=OPEN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
            ended.cancel()
        if ended in done:
            raise PeerConnectionError("the peer connection failed: audio finds no way to the server")
        if not done:
            raise PeerConnectionError(f"the peer connection did not open within {OPEN_SECONDS:g} s")

    @property
    def broken(self) -> bool:
        """Whether the connection or its channel has ended."""
        return self._ended.is_set()

    def send(self, frame: Frame) -> bool:
        """Sends a frame, unless too much waits already; False if it was dropped."""
        if self._channel.readyState != "open" or self._channel.bufferedAmount > MAX_BUFFERED_BYTES:
            return False
        self._channel.send(frame.to_bytes())
        return True

    async def close(self) -> None:
        await self._connection.close()

    def _received(self, message: bytes | str) -> None:
        try:
            frame = Frame.from_bytes(message if isinstance(message, bytes) else message.encode())
        except FrameError:
            self.malformed += 1
        else:
            self._on_frame(frame)

    def _state_changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._ended.set()

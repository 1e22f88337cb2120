"""The headless WebRTC peer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from client.caller.ways import ChannelWay, RtpWay
from client.errors import PeerConnectionError
from client.frame import Frame, FrameError
from server.protocol import IceServer, TransportName

OPEN_SECONDS = 15.0
WAYS: dict[TransportName, type[ChannelWay | RtpWay]] = {"channel": ChannelWay, "rtp": RtpWay}


class Caller:
    """The offerer, with one transport of docs/transports.md that carries frames both ways.

    `on_frame` is called for each frame that comes. In order: `offer()`, `accept(answer)`, `wait_open()`, `send(frame)`
    as often as wanted, `close()`. Raises PeerConnectionError for ICE servers that make no sense.
    """

    def __init__(
        self,
        ice_servers: tuple[IceServer, ...],
        on_frame: Callable[[Frame], None],
        transport: TransportName = "channel",
    ) -> None:
        # An empty list matters: None would mean a public STUN server.
        servers = [RTCIceServer(list(server.urls), server.username, server.credential) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._on_frame = on_frame
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self.transport: TransportName = transport
        self.malformed = 0  # messages that were no frame
        self._connection.on("connectionstatechange", self._state_changed)
        try:
            self._way = WAYS[transport](self._connection, self._opened.set, self._ended.set, self._received)
        except ValueError as error:
            raise PeerConnectionError(f"the server names ICE servers that can't be used: {error}") from None

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
        return self._way.send(frame.to_bytes())

    async def close(self) -> None:
        await self._connection.close()

    def _received(self, message: bytes) -> None:
        try:
            frame = Frame.from_bytes(message)
        except FrameError:
            self.malformed += 1
        else:
            self._on_frame(frame)

    def _state_changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._ended.set()

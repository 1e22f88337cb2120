"""The caller's end of the transports that carry frames (docs/transports.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpCodecCapability
from aiortc.rtp import RtpPacket
from av.packet import Packet

LABEL = "pcm"
MAX_BUFFERED_BYTES = 2_000  # above this a frame is dropped, so that delay does not grow
FRAME_TICKS = 640  # 13.33 ms of Opus' RTP clock
OPUS = RTCRtpCodecCapability(mimeType="audio/opus", clockRate=48_000, channels=2)

Signal = Callable[[], None]
Received = Callable[[bytes], None]


class ChannelWay:
    """Frames as messages of a data channel."""

    def __init__(self, connection: RTCPeerConnection, opened: Signal, ended: Signal, received: Received) -> None:
        self._channel = connection.createDataChannel(LABEL, ordered=False, maxRetransmits=0)
        self._channel.on("open", opened)
        self._channel.on("close", ended)
        self._channel.on("message", lambda message: received(message if isinstance(message, bytes) else b""))

    def send(self, message: bytes) -> bool:
        if self._channel.readyState != "open" or self._channel.bufferedAmount > MAX_BUFFERED_BYTES:
            return False
        self._channel.send(message)
        return True


class RtpWay:
    """Frames as payloads of a track, as the page's encoded transform sends them."""

    def __init__(self, connection: RTCPeerConnection, opened: Signal, ended: Signal, received: Received) -> None:
        self._connection = connection
        self._outgoing = _Outgoing()
        transceiver = connection.addTransceiver(self._outgoing, "sendrecv")
        transceiver.setCodecPreferences([OPUS])
        # In place of aiortc's jitter buffer and decoder: neither would make sense of these payloads.
        cast(Any, transceiver.receiver)._handle_rtp_packet = self._take
        connection.on("connectionstatechange", lambda: opened() if connection.connectionState == "connected" else None)
        self._received = received

    def send(self, message: bytes) -> bool:
        if self._connection.connectionState != "connected":
            return False
        packet = Packet(message)
        packet.pts = FRAME_TICKS * int.from_bytes(message[:4], "little")
        packet.time_base = Fraction(1, OPUS.clockRate)
        self._outgoing.packets.put_nowait(packet)
        return True

    async def _take(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        self._received(packet.payload)


class _Outgoing(MediaStreamTrack):
    """Gives aiortc's sender what is already encoded."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.packets: asyncio.Queue[Packet[Any]] = asyncio.Queue()

    async def recv(self) -> Packet[Any]:
        return await self.packets.get()

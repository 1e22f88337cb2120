"""Transport `opus`: an ordinary track, which any WebRTC client speaks.

Packets are put in order and their gaps filled here, by the copy that the next packet carries or by libopus' own guess,
in place of aiortc's jitter buffer; playout and jitter are downstream's business. Decoding and encoding happen on the
codec thread.
"""

from __future__ import annotations

import time
from functools import partial

from aiortc import RTCPeerConnection

from server.media.sequence import Reorderer
from server.rtc.opusflow import FrameMaker, PacketMaker
from server.rtc.rtp import RtpPacket
from server.rtc.track import SoundTrack
from server.rtc.transport import PeerContext, Work

SEQUENCE_MODULUS = 1 << 16
LATE_SECONDS = 0.1  # what waits longer for the codec thread is dropped: delay must not grow
# What the other end's encoder shall do (RFC 7587, section 6.1): carry copies, never pause, no more than a voice needs.
ENCODER = "minptime=10;useinbandfec=1;usedtx=0;stereo=0;maxaveragebitrate=32000"


class OpusTransport:
    """Either direction may be missing: who only speaks (WHIP), who only listens (WHEP)."""

    def __init__(self, connection: RTCPeerConnection, context: PeerContext) -> None:
        self._track = SoundTrack(connection, self._take)
        self._context = context
        self._order: Reorderer[RtpPacket] = Reorderer(SEQUENCE_MODULUS)
        self._frames = FrameMaker()
        self._packets = PacketMaker()
        self._open = False

    @property
    def sends(self) -> bool:
        return self._track.sends

    @property
    def receives(self) -> bool:
        return self._track.receives

    def send(self, message: bytes) -> bool:
        if not self._open:
            return False
        self._submit(Work(self._packets, partial(self._packets.take, message), _deadline(), self._send))
        return True

    def connected(self) -> None:
        self._track.connected()
        self._open = True
        self._context.events.on_open()

    def amend(self, answer_sdp: str) -> str:
        return self._track.amend(answer_sdp, ENCODER, ptime_ms=20)

    def close(self) -> None:
        self._open = False
        self._track.close()

    def _submit(self, work: Work) -> None:
        self._context.submit(work)

    def _take(self, packet: RtpPacket) -> None:
        if not packet.payload:
            return
        for _, ready in self._order.push(packet.sequence_number, packet):
            take = partial(self._frames.take, ready.timestamp, ready.payload)
            self._submit(Work(self._frames, take, _deadline(), self._hear))

    def _hear(self, messages: list[bytes] | None) -> None:
        for message in messages or ():
            if self._open:
                self._context.events.on_frame(message)

    def _send(self, packets: list[tuple[int, bytes]] | None) -> None:
        for timestamp, payload in packets or ():
            if self._open:
                self._track.send(payload, timestamp)


def _deadline() -> float:
    return time.monotonic() + LATE_SECONDS

"""Transport `rtp`: each frame is the payload of one RTP packet, put there by the page's encoded transform.

To the network, and to whoever negotiates it, it is a track of Opus. One packet carries one codec frame, 648 bytes: a
lost packet costs one frame and nothing else, nothing must be cut anew, and the datagram stays below 720 bytes, which
fits every path. The browser's encoder gives the beat, so that it must be faster than the frames: packets of 10 ms.
"""

from __future__ import annotations

from aiortc import RTCPeerConnection

from server.media.frame import sequence_of
from server.rtc.rtp import RtpPacket
from server.rtc.track import SoundTrack
from server.rtc.transport import PeerContext

FRAME_TICKS = 640  # 13.33 ms of the 48 kHz clock
# The browser's encoder is only a clock here: mono, thin, never silent. Lines of the answer, its only section.
ENCODER = "minptime=10;maxaveragebitrate=6000;stereo=0;useinbandfec=0;usedtx=0"


class RtpTransport:
    """Numbers its packets by the frames in them, so that a skipped frame is a gap in the timestamps."""

    sends = receives = True

    def __init__(self, connection: RTCPeerConnection, context: PeerContext) -> None:
        self._track = SoundTrack(connection, self._take)
        self._events = context.events

    def send(self, message: bytes) -> bool:
        return self._track.send(message, FRAME_TICKS * sequence_of(message))

    def connected(self) -> None:
        self._track.connected()
        self._events.on_open()

    def amend(self, answer_sdp: str) -> str:
        return self._track.amend(answer_sdp, ENCODER, ptime_ms=10)

    def close(self) -> None:
        self._track.close()

    def _take(self, packet: RtpPacket) -> None:
        self._events.on_frame(packet.payload)

"""A sound track of a peer connection, straight to its packets.

aiortc decodes every track on a thread of its own, behind a jitter buffer that stays late after its first loss, and
sends through a queue and a task. Here packets come by a callback and go out at once; RTCP remains aiortc's, with true
figures. This reaches into aiortc's insides; its test fails where a new version changed them.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any, cast

import pylibsrtp
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpCodecCapability
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import is_rtcp
from av.frame import Frame

from server.rtc.intake import Intake
from server.rtc.rtp import RtpError, RtpPacket, build_rtp, parse_rtp

FIRST_RTP, LAST_RTP = 128, 191  # first bytes that mean RTP or RTCP (RFC 7983)
RTP_CLOCK_RATE = 48_000  # of Opus, whatever the sound's own rate (RFC 7587, section 4.1)
NTP_EPOCH_SECONDS = 2_208_988_800  # from 1900, where NTP begins (RFC 3550, section 4), to 1970
_OPUS = RTCRtpCodecCapability(mimeType="audio/opus", clockRate=RTP_CLOCK_RATE, channels=2)


class _Nothing(MediaStreamTrack):
    """Keeps aiortc's own sending task asleep."""

    kind = "audio"

    async def recv(self) -> Frame:
        await asyncio.get_running_loop().create_future()
        raise MediaStreamError


class SoundTrack:
    """The one track of a connection, both ways, made before the offer is taken.

    `on_packet` gets every packet of the negotiated payload type. Payloads need not be Opus: what they are is the
    transport's business.
    """

    def __init__(self, connection: RTCPeerConnection, on_packet: Callable[[RtpPacket], None]) -> None:
        self.malformed = 0
        self._transceiver = connection.addTransceiver(_Nothing(), "sendrecv")
        self._transceiver.setCodecPreferences([_OPUS])
        self._sender = cast(Any, self._transceiver.sender)
        self._receiver = cast(Any, self._transceiver.receiver)
        self._receiver.receive = self._receive
        self._dtls = self._receiver.transport
        self._dtls._handle_rtp_data = self._take
        self._on_packet = on_packet
        self._payload_type = -1  # of both directions, known once the answer was made
        self._sequence_number = secrets.randbelow(1 << 15)  # in the lower half: an early wrap would break SRTP
        self._heard_ssrc: int | None = None
        self._statistics = StreamStatistics(RTP_CLOCK_RATE)
        self._intake: Intake | None = None

    @property
    def sends(self) -> bool:
        """Whether the other end wants to hear; known once the answer was made."""
        return "send" in (self._transceiver.currentDirection or "")

    @property
    def receives(self) -> bool:
        """Whether the other end has something to say."""
        return "recv" in (self._transceiver.currentDirection or "")

    def connected(self) -> None:
        self._payload_type = cast(int, self._transceiver._codecs[0].payloadType)
        self._intake = self._intake or Intake(self._dtls, self._take_datagram)

    def amend(self, answer_sdp: str, parameters: str, ptime_ms: int) -> str:
        """The answer, its only section the track's, with what the other end's encoder shall do: aiortc says nothing."""
        payload_type = self._transceiver._codecs[0].payloadType
        return f"{answer_sdp}a=fmtp:{payload_type} {parameters}\r\na=ptime:{ptime_ms}\r\n"

    def send(self, payload: bytes, timestamp: int) -> bool:
        """One packet; False where the connection doesn't stand."""
        pair = self._dtls.transport._connection._nominated.get(1)
        if pair is None or self._payload_type < 0 or self._dtls.state != "connected":
            return False
        packet = build_rtp(self._payload_type, self._sequence_number, timestamp, self._sender._ssrc, payload)
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        pair.protocol.transport.sendto(self._dtls._tx_srtp.protect(packet), pair.remote_addr)
        self._report(timestamp, len(payload))
        return True

    def close(self) -> None:
        self._on_packet = lambda packet: None
        if self._intake is not None:
            self._intake.close()

    def _report(self, timestamp: int, octets: int) -> None:
        """What aiortc's sender reports of itself (RFC 3550, section 6.4.1)."""
        sender = self._sender
        sender._RTCRtpSender__ntp_timestamp = int((time.time() + NTP_EPOCH_SECONDS) * (1 << 32))
        sender._RTCRtpSender__rtp_timestamp = timestamp & 0xFFFFFFFF
        sender._RTCRtpSender__packet_count += 1
        sender._RTCRtpSender__octet_count += octets

    async def _receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Stands for the receiver's `receive`: no decoder thread is started."""
        receiver = self._receiver
        if receiver._RTCRtpReceiver__started:
            return
        self._dtls._register_rtp_receiver(receiver, parameters)
        receiver._RTCRtpReceiver__rtcp_task = asyncio.ensure_future(receiver._run_rtcp())
        receiver._RTCRtpReceiver__started = True

    async def _take(self, data: bytes, arrival_time_ms: int) -> None:
        """Stands for the DTLS transport's `_handle_rtp_data`: a decrypted packet, before the intake began."""
        self._take_packet(data)

    def _take_datagram(self, datagram: bytes) -> bool:
        """RTP straight from the socket; all else is aiortc's."""
        if not FIRST_RTP <= datagram[0] <= LAST_RTP or is_rtcp(datagram):
            return False
        try:
            self._take_packet(self._dtls._rx_srtp.unprotect(datagram))
        except pylibsrtp.Error:  # it is not from the other end, or came twice
            self.malformed += 1
        return True

    def _take_packet(self, data: bytes) -> None:
        try:
            packet = parse_rtp(data)
        except RtpError:
            self.malformed += 1
            return
        if packet.payload_type != self._payload_type:
            return
        if packet.ssrc != self._heard_ssrc:
            self._begin_source(packet.ssrc)
        self._statistics.add(cast(Any, packet))  # it looks at number and timestamp only
        self._on_packet(packet)

    def _begin_source(self, ssrc: int) -> None:
        """The other end's sound has a new source: its reports are found by it, and ours are about it alone."""
        self._heard_ssrc = ssrc
        self._statistics = StreamStatistics(RTP_CLOCK_RATE)
        self._dtls._rtp_router.ssrc_table = {ssrc: self._receiver}
        self._receiver._RTCRtpReceiver__remote_streams = {ssrc: self._statistics}

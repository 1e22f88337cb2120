"""The sound of one participant: peer connection, uplink and downlink, and whether it still flows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from math import inf

from codec.packet import Packet
from server.media.clock import now_ms
from server.media.downlink import Downlink
from server.media.meter import Meter
from server.media.totals import Totals
from server.protocol import Answer, Candidate, Error, Offer, Stats, TransportName
from server.rtc.peer import Peer, PeerContext, PeerEvents, SdpError
from server.session.inbox import CodecFailed, ComplaintError, EndingError, Item, MediaGone
from server.session.node import Node
from server.session.setup import Setup

logger = logging.getLogger(__name__)


class SessionMedia:
    """`line` takes this voice's packets, `post` what the session must know. Exists from the join on, and is to be
    closed; the peer connection comes with the offer."""

    def __init__(
        self,
        node: Node,
        session: str,
        loopback: bool,
        n_q: int,
        denoise: bool,
        line: Callable[[Packet], None],
        post: Callable[[Item], None],
    ) -> None:
        self.uplink = node.media.open_uplink(n_q, denoise, line, self._fail)
        self._node = node
        self._session = session
        self.loopback = loopback
        self._post = post
        self._peer: Peer | None = None
        self._downlink: Downlink | None = None
        self._other: SessionMedia | None = None  # who is to be heard
        self._sequence = 0  # of the first frame of the next downlink
        self._alive_at: float | None = None  # when the way for the sound opened
        self._asked_at = time.monotonic()  # when it was first asked for
        self._meter = Meter(node.media.config, self.uplink, self._asked_at)
        self.latest: Stats | None = None  # of the last second
        self._setup = Setup(session)

    async def answer(self, offer: Offer) -> Answer:
        """Takes an offer; one that follows another replaces the peer connection. Raises ComplaintError."""
        await self._drop_peer()
        events = PeerEvents(self._open, self.uplink.receive, lambda cause: self._post(MediaGone(cause)))
        context = PeerContext(events, self.uplink.worker.submit)
        self._peer = Peer(context, self._node.ice_servers, self.loopback)
        self._asked_at = time.monotonic()
        self._setup = setup = Setup(self._session) if self._setup.offered else self._setup
        setup.offered = time.time()
        try:
            sdp = await self._peer.answer(offer.sdp, offer.transport)
        except SdpError as error:
            self._end_setup(str(error))
            raise ComplaintError("sdp", str(error)) from None
        setup.answered, setup.transport = time.time(), self._peer.transport
        if self._other is not None and self._peer.sends != (self._downlink is not None):
            self._tune_in()
        return Answer(sdp, self._peer.transport)

    async def add_candidate(self, candidate: Candidate) -> None:
        """Raises ComplaintError."""
        if self._peer is None:
            raise ComplaintError("state", "a candidate came before the offer")
        try:
            await self._peer.add_candidate(candidate.candidate, candidate.sdp_mid, candidate.sdp_mline_index)
        except SdpError as error:
            raise ComplaintError("sdp", str(error)) from None

    def listen(self, other: SessionMedia | None) -> None:
        """Plays the other's voice from now on, or none."""
        self._other = other
        self._tune_in()

    def _tune_in(self) -> None:
        """Where the client does not want to hear, as one that only speaks, nothing is decoded."""
        media = self._node.media
        if self._downlink is not None:
            media.close_downlink(self._downlink)
            self._sequence = self._downlink.sequence
        self._downlink = None
        if self._other is not None and (self._peer is None or self._peer.sends):
            self._downlink = media.open_downlink(self._other.uplink, self._send, self._fail, self._sequence)
        self._meter.follow(self._downlink)

    def hear(self, packet: Packet) -> None:
        """This end of the line."""
        if self._downlink is not None:
            self._downlink.receive(packet, now_ms())

    @property
    def flows(self) -> bool:
        """Whether the way for the sound is open."""
        return self._alive_at is not None

    def silent_in(self, now: float) -> float:
        """Seconds until the patience with this participant's sound ends."""
        limits = self._node.limits
        if self._alive_at is None:
            return self._asked_at + limits.open_seconds - now
        if self._peer is not None and not self._peer.receives:
            return inf  # who only listens has no sound that could stop; ICE tells when it is gone
        return max(self._alive_at, self.uplink.last_frame_seconds or 0.0) + limits.media_seconds - now

    def check(self, now: float) -> None:
        """Raises EndingError when no sound came for too long."""
        if self.silent_in(now) > 0:
            return
        limits = self._node.limits
        if self._alive_at is None:
            text = f"no way for the sound was opened within {limits.open_seconds:g} s"
            self._end_setup(text)
        else:
            text = f"no audio came for {limits.media_seconds:g} s"
        raise EndingError("vanished", Error("media", text))

    def stats(self, now: float) -> Stats:
        self.latest = self._meter.read(now)
        return self.latest

    def totals(self) -> Totals:
        """What it has carried since its start."""
        return self._meter.totals()

    @property
    def transport(self) -> TransportName | None:
        """How the sound travels; None until there was an offer."""
        return None if self._peer is None else self._peer.transport

    async def close(self) -> None:
        self.listen(None)
        await self._drop_peer()
        self._node.media.close_uplink(self.uplink)
        self._node.books.carried += self._meter.totals()

    async def _drop_peer(self) -> None:
        if self._peer is not None:
            peer, self._peer = self._peer, None
            self._alive_at = None
            self.uplink.restart()
            await peer.close()

    def _open(self) -> None:
        self._alive_at = time.monotonic()
        self._end_setup()

    def _end_setup(self, failure: str | None = None) -> None:
        if self._setup.ended is None:
            self._setup.ended, self._setup.failure = time.time(), failure
            self._node.books.set_up(self._setup)

    def _send(self, message: bytes) -> bool:
        return self._peer is not None and self._peer.send(message)

    def _fail(self, error: Exception) -> None:
        logger.error("codec failed", exc_info=error, extra={"facts": {"session": self._session}})
        self._post(CodecFailed())

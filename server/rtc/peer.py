"""One browser's peer connection: the server's end of it. The only place of the server that knows aiortc."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import SessionDescription, candidate_from_sdp

from server.protocol import IceServer
from server.rtc.interfaces import loopback_offered

LABEL = "pcm"
BUFFER_LIMIT_BYTES = 2000  # with more than this on its way out, frames are held back
HELD_FRAMES = 4  # so many at most, as after a hiccup; then the oldest is skipped: delay must not grow
ANSWER_SECONDS = 10.0  # a STUN or TURN server that doesn't answer takes its time
CLOSE_SECONDS = 3.0  # aiortc may take its time over a peer that is gone; nobody waits longer than this

logger = logging.getLogger(__name__)


class SdpError(ValueError):
    """An offer or a candidate that can't be used."""


@dataclass(frozen=True, slots=True)
class PeerEvents:
    """What the session hears of its peer connection, all on the event loop.

    `on_failed` gets the cause. A connection that the browser closes in order says nothing: its frames end.
    """

    on_open: Callable[[], None]
    on_frame: Callable[[bytes], None]
    on_failed: Callable[[str], None]


class Peer:
    """Answers one offer and carries frames over its data channel."""

    def __init__(self, events: PeerEvents, ice_servers: Sequence[IceServer], loopback: bool) -> None:
        # aiortc takes None to mean a public STUN server; an empty list means none.
        servers = [RTCIceServer(list(server.urls), server.username, server.credential) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._connection.on("datachannel", self._take_channel)
        self._connection.on("connectionstatechange", self._watch_connection)
        self._events = events
        self._loopback = loopback
        self._channel: RTCDataChannel | None = None
        self._held: deque[bytes] = deque()

    async def answer(self, offer_sdp: str) -> str:
        """The answer, all candidates in it. Raises SdpError, which says why the offer can't be used."""
        _check_offer(offer_sdp)
        try:
            with loopback_offered(self._loopback):
                await asyncio.wait_for(self._answer(offer_sdp), ANSWER_SECONDS)
        except TimeoutError:
            raise SdpError(f"the offer could not be answered within {ANSWER_SECONDS:g} s") from None
        except Exception as error:  # aiortc's parser and transports raise what they happen to stumble on
            logger.info("offer refused", exc_info=True)
            raise SdpError(f"the offer can't be answered: {_cause(error)}") from None
        return self._connection.localDescription.sdp

    async def _answer(self, offer_sdp: str) -> None:
        await self._connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())

    async def add_candidate(self, candidate: str, sdp_mid: str | None, sdp_mline_index: int | None) -> None:
        """Takes a trickled candidate; an empty one ends them. Raises SdpError."""
        try:
            if not candidate:
                await self._connection.addIceCandidate(None)
                return
            if len(candidate.split()) < 8:
                raise ValueError("it has fewer than 8 parts")
            parsed = candidate_from_sdp(candidate.removeprefix("candidate:"))
            parsed.sdpMid = sdp_mid
            parsed.sdpMLineIndex = 0 if sdp_mid is None and sdp_mline_index is None else sdp_mline_index
            await self._connection.addIceCandidate(parsed)
        except Exception as error:  # as above
            raise SdpError(f"the candidate can't be used: {_cause(error)}") from None

    def send(self, message: bytes) -> bool:
        """Sends a frame as soon as the line takes it. False if this cost a frame: this one where the channel isn't
        open, or the oldest of those that are held back."""
        if self._channel is None or self._channel.readyState != "open":
            return False
        self._held.append(message)
        self._flush()
        if len(self._held) <= HELD_FRAMES:
            return True
        self._held.popleft()
        return False

    async def close(self) -> None:
        """Ends the connection; never takes longer than CLOSE_SECONDS."""
        self._connection.remove_all_listeners()
        if self._channel is not None:
            self._channel.remove_all_listeners()
        try:
            await asyncio.wait_for(self._connection.close(), CLOSE_SECONDS)
        except TimeoutError:
            logger.warning("a peer connection did not close in time")
        except Exception:
            logger.warning("a peer connection did not close cleanly", exc_info=True)

    def _take_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != LABEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = BUFFER_LIMIT_BYTES
        channel.on("bufferedamountlow", self._flush)
        channel.on("message", self._take_message)
        self._events.on_open()

    def _flush(self) -> None:
        channel = self._channel
        while self._held and channel is not None and channel.bufferedAmount <= BUFFER_LIMIT_BYTES:
            if channel.readyState != "open":
                return
            channel.send(self._held.popleft())

    def _take_message(self, message: bytes | str) -> None:
        self._events.on_frame(message if isinstance(message, bytes) else b"")

    def _watch_connection(self) -> None:
        if self._connection.connectionState == "failed":
            self._events.on_failed("the peer connection failed: no way was found, or it broke")


def _check_offer(sdp: str) -> None:
    """One data channel and nothing else. Raises SdpError."""
    try:
        media = SessionDescription.parse(sdp).media
    except Exception as error:  # aiortc's parser raises what it happens to stumble on
        raise SdpError(f"the offer is no SDP: {_cause(error)}") from None
    kinds = [section.kind for section in media]
    if kinds != ["application"]:
        raise SdpError(f"the offer must have one data channel and nothing else; it has {', '.join(kinds) or 'nothing'}")
    section = media[0]
    if section.dtls is None or not section.dtls.fingerprints:
        raise SdpError("the offer has no DTLS fingerprint")
    if section.ice is None or not section.ice.usernameFragment or not section.ice.password:
        raise SdpError("the offer has no ICE user name and password")


def _cause(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

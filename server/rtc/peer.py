"""One browser's peer connection: the server's end of it, whatever the transport of its sound."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from codec.libopus import OpusError
from server.protocol import IceServer, TransportName
from server.rtc.channel import ChannelTransport
from server.rtc.interfaces import loopback_offered
from server.rtc.offer import MOST_CANDIDATES, cause_of, check_candidate, read_offer
from server.rtc.opus import OpusTransport
from server.rtc.pcm import RtpTransport
from server.rtc.transport import PeerContext, PeerEvents, SdpError, Transport

__all__ = ["Peer", "PeerContext", "PeerEvents", "SdpError"]

ANSWER_SECONDS = 10.0  # a STUN or TURN server that doesn't answer takes its time
CLOSE_SECONDS = 3.0  # aiortc may take its time over a peer that is gone; nobody waits longer than this

logger = logging.getLogger(__name__)

TRANSPORTS: dict[TransportName, Callable[[RTCPeerConnection, PeerContext], Transport]] = {
    "channel": ChannelTransport,
    "rtp": RtpTransport,
    "opus": OpusTransport,
}


class Peer:
    """Answers one offer and carries frames over the transport that it asks for."""

    def __init__(self, context: PeerContext, ice_servers: Sequence[IceServer], loopback: bool) -> None:
        # aiortc takes None to mean a public STUN server; an empty list means none.
        servers = [RTCIceServer(list(server.urls), server.username, server.credential) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._connection.on("connectionstatechange", self._watch_connection)
        _watch_set_up(self._connection)
        self._context = context
        self._loopback = loopback
        self._transport: Transport | None = None
        self._trickled = 0
        self.transport: TransportName = "channel"  # that of the offer, once it was answered

    async def answer(self, offer_sdp: str, wanted: TransportName | None = None) -> str:
        """The answer, all candidates in it. Raises SdpError, which says why the offer can't be used."""
        self.transport = read_offer(offer_sdp, wanted)
        try:
            self._transport = TRANSPORTS[self.transport](self._connection, self._context)
        except OpusError as error:
            raise SdpError(f"this server can't speak the transport {self.transport}: {error}") from None
        try:
            with loopback_offered(self._loopback):
                await asyncio.wait_for(self._answer(offer_sdp), ANSWER_SECONDS)
        except TimeoutError:
            raise SdpError(f"the offer could not be answered within {ANSWER_SECONDS:g} s") from None
        except Exception as error:  # aiortc's parser and transports raise what they happen to stumble on
            logger.info("offer refused", exc_info=True)
            raise SdpError(f"the offer can't be answered: {cause_of(error)}") from None
        return self._transport.amend(self._connection.localDescription.sdp)

    async def _answer(self, offer_sdp: str) -> None:
        # aiortc's DTLS client fails against GStreamer's server, so that where there is a choice it is the server.
        offer_sdp = offer_sdp.replace("a=setup:actpass", "a=setup:active")
        await self._connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())

    async def add_candidate(self, candidate: str, sdp_mid: str | None, sdp_mline_index: int | None) -> None:
        """Takes a trickled candidate; an empty one ends them. Raises SdpError."""
        self._trickled += 1
        if self._trickled > MOST_CANDIDATES:
            raise SdpError(f"more than {MOST_CANDIDATES} candidates came")
        try:
            if not candidate:
                await self._connection.addIceCandidate(None)
                return
            if len(candidate.split()) < 8:
                raise ValueError("it has fewer than 8 parts")
            parsed = candidate_from_sdp(candidate.removeprefix("candidate:"))
            check_candidate(parsed)
            parsed.sdpMid = sdp_mid
            parsed.sdpMLineIndex = 0 if sdp_mid is None and sdp_mline_index is None else sdp_mline_index
            await self._connection.addIceCandidate(parsed)
        except Exception as error:  # as above
            raise SdpError(f"the candidate can't be used: {cause_of(error)}") from None

    @property
    def sends(self) -> bool:
        """Whether the other end wants to hear; known once the answer was made."""
        return self._transport is not None and self._transport.sends

    @property
    def receives(self) -> bool:
        """Whether the other end has something to say."""
        return self._transport is not None and self._transport.receives

    def send(self, message: bytes) -> bool:
        """Sends a frame as soon as the line takes it. False if this cost a frame."""
        return self._transport is not None and self._transport.send(message)

    async def close(self) -> None:
        """Ends the connection; never takes longer than CLOSE_SECONDS."""
        self._connection.remove_all_listeners()
        if self._transport is not None:
            self._transport.close()
        try:
            await asyncio.wait_for(self._connection.close(), CLOSE_SECONDS)
        except TimeoutError:
            logger.warning("a peer connection did not close in time")
        except Exception:
            logger.warning("a peer connection did not close cleanly", exc_info=True)

    def _watch_connection(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and self._transport is not None:
            self._transport.connected()
        if state == "failed":
            self._context.events.on_failed("the peer connection failed: no way was found, or it broke")


def _watch_set_up(connection: Any) -> None:
    """aiortc sets a connection up in a task that nobody waits for, which fails where the other end vanishes or
    has offered nonsense. The session knows by the frames that never come; in the log it is no fault of this server."""
    connect = connection._RTCPeerConnection__connect

    async def set_up() -> None:
        try:
            await connect()
        except Exception as error:
            logger.info("a peer connection was not set up", extra={"facts": {"cause": cause_of(error)}})

    connection._RTCPeerConnection__connect = set_up

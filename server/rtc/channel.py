"""Transport `channel`: frames as messages of a data channel that neither orders nor repeats."""

from __future__ import annotations

import logging
from collections import deque

from aiortc import RTCDataChannel, RTCPeerConnection

from server.rtc.association import Association
from server.rtc.transport import PeerContext

LABEL = "pcm"
BUFFER_LIMIT_BYTES = 2000  # with more than this on its way out, frames are held back
HELD_FRAMES = 4  # so many at most, as after a hiccup; then the oldest is skipped: delay must not grow

logger = logging.getLogger(__name__)


class ChannelTransport:
    """Takes the first channel of the right name that the browser opens, and refuses all others."""

    sends = receives = True

    def __init__(self, connection: RTCPeerConnection, context: PeerContext) -> None:
        connection.on("datachannel", self._take_channel)
        self._connection = connection
        self._events = context.events
        self._channel: RTCDataChannel | None = None
        self._association: Association | None = None  # the short way, while the connection stands
        self._held: deque[bytes] = deque()

    def send(self, message: bytes) -> bool:
        """False if this cost a frame: this one where the channel isn't open, or the oldest of those held back."""
        if self._channel is None or self._channel.readyState != "open":
            return False
        if self._association is not None and not self._held and self._association.send(message):
            return True
        self._held.append(message)
        self._flush()
        if len(self._held) <= HELD_FRAMES:
            return True
        self._held.popleft()
        return False

    def connected(self) -> None:
        """The channel opens a little later, and only that counts; what it carries takes the short way from now on."""
        if self._association is None and self._connection.sctp is not None:
            try:
                self._association = Association(self._connection.sctp, self._events.on_frame)
            except AttributeError:
                logger.warning("this aiortc is unknown: data channels cost more of the CPU", exc_info=True)
            self._name_stream()

    def amend(self, answer_sdp: str) -> str:
        return answer_sdp

    def close(self) -> None:
        if self._association is not None:
            self._association.close()
            self._association = None
        if self._channel is not None:
            self._channel.remove_all_listeners()

    def _take_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != LABEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = BUFFER_LIMIT_BYTES
        channel.on("bufferedamountlow", self._flush)
        channel.on("message", self._take_message)
        self._name_stream()
        self._events.on_open()

    def _name_stream(self) -> None:
        """Only whole messages that are sent once and in no order can take the short way."""
        channel = self._channel
        if self._association is not None and channel is not None and channel.id is not None and not channel.ordered:
            self._association.open(channel.id, channel.maxRetransmits)

    def _flush(self) -> None:
        channel = self._channel
        while self._held and channel is not None and channel.bufferedAmount <= BUFFER_LIMIT_BYTES:
            if channel.readyState != "open":
                return
            channel.send(self._held.popleft())

    def _take_message(self, message: bytes | str) -> None:
        self._events.on_frame(message if isinstance(message, bytes) else b"")

"""A short way for the frames of a data channel through aiortc's SCTP association.

A frame is one whole, unordered DATA chunk that is sent once. In the ordinary course its TSN follows the last one and
acknowledgements have no gaps; that course is written out here (RFC 9260), on the association's own state. Whatever
else comes, a gap, a fragment, set-up and end, a full window, goes to aiortc, which knows it all. An acknowledgement
travels with the next frame the other way, or alone after a second frame or a tenth of a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from struct import Struct
from typing import Any

from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import USERDATA_MAX_LENGTH, WEBRTC_BINARY, DataChunk
from google_crc32c import value as crc32c

from server.rtc.records import Records

logger = logging.getLogger(__name__)

DATA, SACK = 0, 3
WHOLE_UNORDERED = 7  # flags: unordered, first and last fragment; bit 8 asks for an acknowledgement at once
TSNS = 1 << 32
SACK_AFTER_PACKETS = 2
LOOK_SECONDS = 0.1  # how often acknowledgements and the retransmission timer are looked after

_HEADER = Struct("!HHL")  # ports, verification tag; the checksum follows, little-endian
_CHECKSUM = Struct("<L")
_DATA = Struct("!BBHLHHL")  # type, flags, length, TSN, stream, stream sequence number, protocol
_SACK = Struct("!BBHLLHH")  # type, flags, length, cumulative TSN, window, numbers of gaps and of duplicates
_HEADER_BYTES = 12
_NO_CHECKSUM = bytes(4)

# What is used of aiortc's association
_INNER_NAMES = (
    *("_advanced_peer_ack_tsn", "_advertised_rwnd", "_association_state", "_cwnd", "_data_channel_queue"),
    *("_fast_recovery_exit", "_flight_size", "_flight_size_decrease", "_forward_tsn_chunk", "_handle_data"),
    *("_last_received_tsn", "_last_sacked_tsn", "_local_port", "_local_tsn", "_local_verification_tag"),
    *("_outbound_queue", "_reconfig_deferred", "_remote_port", "_remote_verification_tag", "_rto"),
    *("_sack_duplicates", "_sack_misordered", "_sack_needed", "_sent_queue", "_t3_cancel", "_t3_expired"),
    *("_t3_handle", "_t3_restart", "_t3_start", "_update_rto"),
)


class Association:
    """Frames of the stream that `open` names. `on_frame` gets each on the event loop.

    Raises AttributeError where aiortc is not the one that this was written for.
    """

    def __init__(self, sctp: RTCSctpTransport, on_frame: Callable[[bytes], None]) -> None:
        self._sctp: Any = sctp
        self._on_frame = on_frame
        self._stream_id: int | None = None
        self._retransmits: int | None = 0
        self._established = sctp.State.ESTABLISHED
        self._unacknowledged = 0  # packets that came since the last acknowledgement
        self._t3_at = float("inf")
        self._loop = asyncio.get_running_loop()
        for name in _INNER_NAMES:
            getattr(sctp, name)
        self._records = Records(sctp.transport, self._receive)
        self._take_timer()
        self._look = self._loop.call_later(LOOK_SECONDS, self._look_after)

    def open(self, stream_id: int, retransmits: int | None) -> None:
        """The channel's stream; how often its messages may be sent again, None for no limit."""
        self._stream_id = stream_id
        self._retransmits = retransmits

    def send(self, frame: bytes) -> bool:
        """Sends a frame if nothing stands in the way; False means: give it to the channel."""
        sctp = self._sctp
        if (
            self._stream_id is None
            or sctp._association_state is not self._established
            or sctp._data_channel_queue
            or sctp._outbound_queue
            or sctp._flight_size >= sctp._cwnd
            or sctp._forward_tsn_chunk is not None
            or not 0 < len(frame) <= USERDATA_MAX_LENGTH
        ):
            return False
        chunk = self._chunk(self._stream_id, frame)
        sctp._local_tsn = (chunk.tsn + 1) % TSNS
        sctp._sent_queue.append(chunk)
        sctp._flight_size += len(frame)
        if sctp._t3_handle is None:
            self._restart_timer()
        self._transmit(
            _DATA.pack(DATA, WHOLE_UNORDERED, 16 + len(frame), chunk.tsn, chunk.stream_id, 0, WEBRTC_BINARY)
            + frame
            + bytes(-len(frame) % 4)
        )
        return True

    def close(self) -> None:
        self._look.cancel()
        self._records.close()

    def _chunk(self, stream_id: int, frame: bytes) -> Any:
        """What aiortc keeps of a chunk that is on its way."""
        chunk: Any = DataChunk(WHOLE_UNORDERED)
        chunk.tsn = self._sctp._local_tsn
        chunk.stream_id = stream_id
        chunk.protocol = WEBRTC_BINARY
        chunk.user_data = frame
        chunk._abandoned = chunk._acked = chunk._retransmit = False
        chunk._in_flight = True
        chunk._book_size = len(frame)
        chunk._expiry = None
        chunk._max_retransmits = self._retransmits
        chunk._misses = 0
        chunk._sent_count = 1
        chunk._sent_time = time.time()
        return chunk

    def _transmit(self, chunks: bytes) -> None:
        """Sends chunks in one packet, an acknowledgement before them if one is due."""
        sctp = self._sctp
        if self._unacknowledged:
            self._unacknowledged = 0
            window = max(0, sctp._advertised_rwnd)
            chunks = _SACK.pack(SACK, 0, 16, sctp._last_received_tsn, window, 0, 0) + chunks
        header = _HEADER.pack(sctp._local_port, sctp._remote_port, sctp._remote_verification_tag)
        self._records.send(header + _CHECKSUM.pack(crc32c(header + _NO_CHECKSUM + chunks)) + chunks)

    def _receive(self, packet: bytes) -> None:
        """A packet: an acknowledgement without gaps, a frame, or one before the other. All else is aiortc's."""
        position, size, sack, data = _HEADER_BYTES, len(packet), None, None
        if size >= position + 16 and packet[position] == SACK and packet[position + 3] == 16:
            sack = _SACK.unpack_from(packet, position)
            position += 16
        if size >= position + 16 and packet[position] == DATA:
            data = _DATA.unpack_from(packet, position)
            position += data[2] + -data[2] % 4
        if (
            position != size
            or not self._is_ours(packet)
            or (sack is not None and not self._is_plain_sack(sack))
            or (data is not None and not self._is_next_frame(data))
        ):
            self._sctp._sack_needed = self._unacknowledged > 0
            self._unacknowledged = 0  # aiortc acknowledges all that has come
            self._leave_to_aiortc(self._sctp._handle_data(packet))
            return
        if sack is not None:
            self._acknowledge(sack[3])
        if data is not None:
            start = position - data[2] - -data[2] % 4
            self._take_frame(data, packet[start + 16 : start + data[2]])

    def _is_ours(self, packet: bytes) -> bool:
        sctp = self._sctp
        return (
            sctp._association_state is self._established
            and _HEADER.unpack_from(packet)[2] == sctp._local_verification_tag
            and _CHECKSUM.unpack_from(packet, 8)[0] == crc32c(packet[:8] + _NO_CHECKSUM + packet[12:])
        )

    def _is_plain_sack(self, sack: tuple[int, ...]) -> bool:
        """It acknowledges what is on its way, and nothing else has to be done: no gaps, no recovery, nothing waits."""
        sctp = self._sctp
        return (
            sack[2] == 16
            and sack[5] == sack[6] == 0
            and (sack[3] - sctp._last_sacked_tsn) % TSNS < TSNS // 2
            and (sack[3] - sctp._advanced_peer_ack_tsn) % TSNS < TSNS // 2
            and (sctp._local_tsn - 1 - sack[3]) % TSNS < TSNS // 2
            and sctp._fast_recovery_exit is None
            and sctp._forward_tsn_chunk is None
            and sctp._flight_size < sctp._cwnd
            and not sctp._outbound_queue
            and not sctp._data_channel_queue
        )

    def _is_next_frame(self, data: tuple[int, ...]) -> bool:
        sctp = self._sctp
        return (
            data[1] & WHOLE_UNORDERED == WHOLE_UNORDERED
            and data[2] > 16
            and data[3] == (sctp._last_received_tsn + 1) % TSNS
            and data[4] == self._stream_id
            and data[6] == WEBRTC_BINARY
            and not sctp._sack_misordered
            and not sctp._sack_duplicates
            and sctp._reconfig_deferred is None
        )

    def _acknowledge(self, cumulative_tsn: int) -> None:
        sctp = self._sctp
        on_their_way, first = sctp._sent_queue, True
        sctp._last_sacked_tsn = sctp._advanced_peer_ack_tsn = cumulative_tsn
        while on_their_way and (cumulative_tsn - on_their_way[0].tsn) % TSNS < TSNS // 2:
            chunk = on_their_way.popleft()
            sctp._flight_size_decrease(chunk)
            if first and chunk._sent_count == 1:
                sctp._update_rto(time.time() - chunk._sent_time)
            first = False
        if not on_their_way:
            self._cancel_timer()
        elif not first:
            self._restart_timer()

    def _take_frame(self, data: tuple[int, ...], frame: bytes) -> None:
        self._sctp._last_received_tsn = data[3]
        self._unacknowledged += 1
        self._on_frame(frame)
        if self._unacknowledged >= SACK_AFTER_PACKETS:
            self._transmit(b"")

    def _leave_to_aiortc(self, handling: Coroutine[Any, Any, None]) -> None:
        """Runs what is a coroutine by name only: with its records sent at once there is nothing it could wait for."""
        try:
            handling.send(None)
        except StopIteration:
            return
        except Exception:  # what the other end sent was nonsense
            logger.info("an SCTP packet was not understood", exc_info=True)
            return
        handling.close()
        logger.error("aiortc waited while it handled a packet, which is lost")

    def _take_timer(self) -> None:
        """aiortc's retransmission timer, looked at now and then: to set and to cancel it for each frame costs a lot."""
        sctp = self._sctp
        if sctp._t3_handle is not None:
            sctp._t3_handle.cancel()
            self._restart_timer()
        sctp._t3_start = sctp._t3_restart = self._restart_timer
        sctp._t3_cancel = self._cancel_timer

    def _restart_timer(self) -> None:
        self._sctp._t3_handle = self  # aiortc asks whether it runs
        self._t3_at = self._loop.time() + self._sctp._rto

    def _cancel_timer(self) -> None:
        self._sctp._t3_handle = None
        self._t3_at = float("inf")

    def _look_after(self) -> None:
        self._look = self._loop.call_later(LOOK_SECONDS, self._look_after)
        if self._sctp._association_state is not self._established:
            return
        if self._unacknowledged:
            self._transmit(b"")
        if self._loop.time() >= self._t3_at:
            self._t3_at = float("inf")
            self._sctp._t3_expired()

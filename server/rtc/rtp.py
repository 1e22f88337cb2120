"""RTP packets (RFC 3550, section 5.1): what an untrusted peer sends taken apart, and what goes out put together."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

_HEAD = Struct("!BBHII")  # version and flags, marker and payload type, sequence number, timestamp, SSRC
_EXTENSION = Struct("!HH")  # profile, length in words
_VERSION = 2
_PADDING, _EXTENDED, _SOURCES = 0x20, 0x10, 0x0F
_MARKER = 0x80


class RtpError(ValueError):
    """What came is no RTP packet."""


class RtpPacket(NamedTuple):
    """`timestamp` counts the codec's clock, 48 kHz for Opus, and wraps at 2^32; `sequence_number` wraps at 2^16."""

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket:
    """Header extensions and padding are skipped. Raises RtpError."""
    if len(data) < _HEAD.size:
        raise RtpError(f"an RTP packet has at least {_HEAD.size} bytes, not {len(data)}")
    flags, kind, sequence_number, timestamp, ssrc = _HEAD.unpack_from(data)
    if flags >> 6 != _VERSION:
        raise RtpError(f"RTP version {flags >> 6} is not {_VERSION}")
    start = _HEAD.size + 4 * (flags & _SOURCES)
    if flags & _EXTENDED:
        if len(data) < start + _EXTENSION.size:
            raise RtpError("the header extension is cut off")
        start += _EXTENSION.size + 4 * int(_EXTENSION.unpack_from(data, start)[1])
    end = len(data) - (data[-1] if flags & _PADDING else 0)
    if end < start:
        raise RtpError("header and padding are longer than the packet")
    return RtpPacket(kind & ~_MARKER, sequence_number, timestamp, ssrc, data[start:end])


def build_rtp(payload_type: int, sequence_number: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """A packet without extensions; `sequence_number` and `timestamp` wrap."""
    head = _HEAD.pack(_VERSION << 6, payload_type, sequence_number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return head + payload

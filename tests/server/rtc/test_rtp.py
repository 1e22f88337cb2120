"""RTP packets, of those who keep to the RFC and of those who don't."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.rtc.rtp import RtpError, RtpPacket, build_rtp, parse_rtp

HEAD = build_rtp(111, 7, 640, 0xABCD, b"")


@settings(deadline=None)
@given(st.integers(0, 127), st.integers(0, 2**17), st.integers(0, 2**33), st.integers(0, 2**32 - 1), st.binary())
def test_what_is_built_is_parsed(kind: int, number: int, timestamp: int, ssrc: int, payload: bytes) -> None:
    built = build_rtp(kind, number, timestamp, ssrc, payload)
    assert parse_rtp(built) == RtpPacket(kind, number % 2**16, timestamp % 2**32, ssrc, payload)


def test_marker_sources_extension_and_padding_are_set_aside() -> None:
    body = b"\0" * 4 * 3 + b"\xbe\xde\0\x01" + b"\x10\xff\0\0" + b"sound" + b"\0\0\x03"
    packet = parse_rtp(bytes([0x80 | 0x20 | 0x10 | 3, 0x80 | 111]) + HEAD[2:] + body)
    assert packet == RtpPacket(111, 7, 640, 0xABCD, b"sound")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (HEAD[:11], "at least 12 bytes, not 11"),
        (b"\x40" + HEAD[1:], "version 1"),
        (b"\x8f" + HEAD[1:], "longer than the packet"),
        (b"\x90" + HEAD[1:], "cut off"),
        (b"\x90" + HEAD[1:] + b"\xbe\xde\xff\xff", "longer than the packet"),
        (b"\xa0" + HEAD[1:] + b"\xff", "longer than the packet"),
    ],
    ids=["short", "version", "sources", "no-extension", "long-extension", "padding"],
)
def test_what_is_no_packet_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(RtpError, match=says):
        parse_rtp(data)


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_anything_at_all_is_parsed_or_refused(data: bytes) -> None:
    try:
        packet = parse_rtp(b"\x90" + data)
    except RtpError:
        return
    assert len(packet.payload) <= len(data)

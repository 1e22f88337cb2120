"""Damaged packets, RTP and frames of the data channel, against all that takes them apart."""

from __future__ import annotations

from random import Random
from struct import pack
from unittest.mock import Mock

import numpy as np

from codec.packet import Packet, PacketError
from server.media.frame import frame_to_bytes
from server.media.jitter import JitterBuffer, JitterPolicy
from server.media.uplink import Uplink
from server.rtc.rtp import RtpError, build_rtp, parse_rtp
from tests.fuzz.mutations import damage_bytes
from tests.server.doubles import TinyEngine

CONFIG = TinyEngine.config
UNDAMAGED = 0.3  # this share stays as it was, so that states behind the parser are reached


def fuzz_media(count: int, seed: int) -> dict[str, int]:
    """A third each of packets, RTP, and frames. Raises what the parsers raise and should not, AssertionError for a
    buffer that grows. Says how many came through."""
    random = Random(seed)
    third = count // 3
    return {
        "packets": _fuzz_packets(third, random),
        "rtp": _fuzz_rtp(third, random),
        "frames": _fuzz_frames(count - 2 * third, random),
    }


def _maybe(data: bytes, random: Random) -> bytes:
    return data if random.random() < UNDAMAGED else damage_bytes(data, random)


def _fuzz_packets(count: int, random: Random) -> int:
    """Through the parser into a jitter buffer, from which a frame is taken for each."""
    policy = JitterPolicy()
    buffer, through = JitterBuffer(CONFIG.frame_ms, policy), 0
    templates = [_packet(random).to_bytes() for _ in range(50)]
    for number in range(count):
        whole = bytearray(random.choice(templates))
        if random.random() < 0.8:  # most belong to one stream
            whole[4:10] = pack("!HI", number & 0xFFFF, number) if random.random() < 0.9 else random.randbytes(6)
        now_ms = number * CONFIG.frame_ms + random.expovariate(0.1)
        try:
            packet = Packet.from_bytes(_maybe(bytes(whole), random))
        except PacketError:
            continue
        finally:
            buffer.pop(now_ms, quiet=random.random() < 0.5)
        buffer.push(packet, now_ms)
        through += 1
        assert buffer.depth <= policy.cap
        assert len(buffer._slots) + len(buffer._given_up) <= 10 * policy.memory
    return through


def _packet(random: Random) -> Packet:
    n_q, frames = random.randint(1, 24), random.randint(1, 4)
    codes = tuple(tuple(random.randrange(1024) for _ in range(frames)) for _ in range(n_q))
    return Packet(0, 0, n_q, codes, random.randrange(1 << 16), random.random() < 0.5)


def _fuzz_rtp(count: int, random: Random) -> int:
    """Through the parser of RTP, what is in it as a frame into an uplink."""
    uplink, through = _uplink(), 0
    for number in range(count):
        whole = build_rtp(111, number & 0xFFFF, 640 * number & 0xFFFFFFFF, 1, _frame(number))
        try:
            packet = parse_rtp(_maybe(whole, random))
        except RtpError:
            continue
        uplink.receive(packet.payload)
        through += 1
    assert uplink.frames + uplink.malformed <= through
    return through


def _fuzz_frames(count: int, random: Random) -> int:
    uplink = _uplink()
    for number in range(count):
        uplink.receive(_maybe(_frame(number), random))
    assert uplink.frames + uplink.malformed <= count
    return uplink.frames


def _frame(number: int) -> bytes:
    return frame_to_bytes(number & 0xFFFFFFFF, 0, SILENCE)


def _uplink() -> Uplink:
    return Uplink(TinyEngine(), Mock(), 8, False, line=lambda _: None, failed=_fail)


def _fail(error: Exception) -> None:
    raise error


SILENCE = np.zeros(CONFIG.hop, np.float32)

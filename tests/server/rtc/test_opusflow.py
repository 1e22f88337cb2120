"""Opus packets to frames and back: what is kept, what is made up for, what is lost."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from codec.libopus import OpusDecoder, OpusEncoder, OpusError, packet_samples
from server.media.frame import message_of, parts_of
from server.rtc.opusflow import HOP, FrameMaker, PacketMaker

RATE = 24_000


def voice(seconds: float) -> np.ndarray:
    times = np.arange(int(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * 220 * times) * (1 + 0.5 * np.sin(2 * np.pi * 3 * times))).astype(np.int16)


def packets(sound: np.ndarray, size: int = 480) -> list[tuple[int, bytes]]:
    """With their timestamps, from 1000 on."""
    encoder = OpusEncoder(bitrate_bps=32_000)
    return [(1000 + 2 * start, encoder.encode(sound[start : start + size])) for start in range(0, len(sound), size)]


def frames(maker: FrameMaker, these: list[tuple[int, bytes]]) -> dict[int, np.ndarray]:
    found = [parts_of(message) for timestamp, payload in these for message in maker.take(timestamp, payload)]
    assert len({number for number, _ in found}) == len(found), "no number twice"
    return dict(found)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """The best correlation within 12 ms, for Opus delays the sound a little."""
    length = len(one) - 300
    return max(float(np.corrcoef(one[lag : lag + length], other[:length])[0, 1]) for lag in range(0, 300, 4))


@pytest.mark.parametrize("size", [240, 480, 960, 1440], ids="{}-samples".format)
def test_every_packet_size_becomes_frames_without_a_gap(size: int) -> None:
    sound = voice(1.44)
    made = frames(FrameMaker(), packets(sound, size))
    assert sorted(made) == list(range(len(sound) // HOP))
    assert likeness(np.concatenate([made[number] for number in sorted(made)]), sound) > 0.95


def test_timestamps_may_wrap() -> None:
    shifted = [((timestamp + 2**32 - 5000) % 2**32, payload) for timestamp, payload in packets(voice(1))]
    assert sorted(frames(FrameMaker(), shifted)) == list(range(75))


@pytest.mark.parametrize("lost", [{20}, {20, 21}, {20, 21, 22}], ids=lambda lost: f"{len(lost)}-lost")
def test_what_is_lost_is_made_up_for_and_time_goes_on(lost: set[int]) -> None:
    sound = voice(1)
    came = [packet for number, packet in enumerate(packets(sound)) if number not in lost]
    made = frames(FrameMaker(), came)
    assert sorted(made) == list(range(75))
    whole = np.concatenate([made[number] for number in sorted(made)])
    gap = slice(480 * min(lost), 480 * (max(lost) + 2))
    assert likeness(whole, sound) > 0.9
    assert np.abs(whole[gap]).max() > 1000, "it is no silence"


def test_the_copy_in_the_next_packet_is_used() -> None:
    """Noise can't be guessed, only known."""
    rng = np.random.default_rng(7)
    times = np.arange(RATE) / RATE
    sound = (9000 * np.sin(2 * np.pi * np.cumsum(150 + 400 * rng.random(RATE // 480).repeat(480)) / RATE * 1.0))
    sound = (sound * (0.6 + 0.4 * np.sin(2 * np.pi * 5 * times))).astype(np.int16)
    encoder = OpusEncoder(bitrate_bps=24_000, loss_percent=30)
    coded = [encoder.encode(sound[start : start + 480]) for start in range(0, RATE, 480)]
    reference, guessing, knowing = OpusDecoder(), OpusDecoder(), OpusDecoder()
    better = 0
    for number, payload in enumerate(coded[:-1]):
        exact = reference.decode(payload).astype(float)
        if number and number % 5 == 0:
            guess = guessing.conceal(480).astype(float)
            known = knowing.recover(coded[number + 1], 480).astype(float)
            better += np.sum((known - exact) ** 2) < np.sum((guess - exact) ** 2)
        else:
            guessing.decode(payload)
            knowing.decode(payload)
    assert better >= 7, "of nine"


def test_a_long_gap_is_left_to_others_but_counted() -> None:
    all_packets = packets(voice(2))
    made = frames(FrameMaker(), all_packets[:30] + all_packets[60:])
    missing = set(range(150)) - set(made)
    assert 44 <= len(missing) <= 46
    assert max(made) == pytest.approx(149, abs=1)


def test_a_sender_that_starts_anew_goes_on() -> None:
    first = packets(voice(0.4))
    maker = FrameMaker()
    before = frames(maker, first)
    after = frames(maker, [((timestamp + 2**31) % 2**32, payload) for timestamp, payload in first])
    assert min(after) > max(before)
    assert len(after) >= 29


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\xff\xff\xff" * 9, bytes(2000)], ids=len)
def test_what_is_no_opus_is_refused_and_its_time_made_up_for(payload: bytes) -> None:
    all_packets = packets(voice(0.6))
    maker = FrameMaker()
    before = frames(maker, all_packets[:10])
    with contextlib.suppress(OpusError):
        maker.take(all_packets[10][0], payload)
    after = frames(maker, all_packets[11:])
    assert max(after) == 44
    assert not set(before) & set(after)


def test_frames_become_packets_of_20_ms_and_a_skipped_one_a_gap() -> None:
    maker, sound = PacketMaker(), voice(1)
    made = []
    for number in [*range(30), *range(31, 75)]:
        made += maker.take(message_of(number, 0, sound[HOP * number : HOP * (number + 1)]))
    assert {packet_samples(payload) for _, payload in made} == {480}
    stamps = [timestamp for timestamp, _ in made]
    assert stamps[:20] == list(range(0, 20 * 960, 960))
    assert stamps[20] == 31 * 640
    decoder = OpusDecoder()
    heard = np.concatenate([decoder.decode(payload) for _, payload in made[:20]])
    assert likeness(heard, sound) > 0.95

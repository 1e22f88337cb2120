"""What the shipped codec makes of a voice is found in it; other sounds are not."""

from __future__ import annotations

import numpy as np
import pytest

from client.frame import CODEC, FULL_SCALE, Samples
from client.load.ear import ALIKE
from client.load.likeness import find, levels, varies
from client.load.voice import SPEECH, Voice, cut
from codec.audiofile import read_audio
from codec.engine import load_engine
from codec.stream import StreamDecoder, StreamEncoder

FRAMES = 600
PIECE = 150
EARLIER = 150  # frames that are searched before where the piece really stands


@pytest.fixture(scope="module")
def said() -> Samples:
    return Voice(cut(read_audio(SPEECH)), seed=1).samples(0, FRAMES)


def coded(said: Samples, n_q: int, lost: float) -> Samples:
    engine, chance = load_engine(), np.random.default_rng(5)
    encoder, decoder, heard = StreamEncoder(engine, n_q), StreamDecoder(engine), []
    for frame in said.reshape(-1, CODEC.hop):
        for packet in encoder.push(frame.astype(np.float32) / FULL_SCALE):
            if chance.random() >= lost:
                decoder.push(packet)
        heard.append(decoder.pull())
    return (np.concatenate(heard) * (FULL_SCALE - 1)).astype(np.int16)


def places(heard: Samples, said: Samples) -> tuple[list[float], list[float]]:
    """Likenesses, and lags in ms, of pieces of 2 s."""
    found = []
    for start in range(EARLIER, FRAMES - PIECE + 1, PIECE):
        piece = heard[start * CODEC.hop : (start + PIECE) * CODEC.hop]
        found.append(find(levels(piece), levels(said[(start - EARLIER) * CODEC.hop : (start + PIECE) * CODEC.hop])))
    return [one.likeness for one in found], [2000 - one.offset / 24 for one in found]


@pytest.mark.parametrize(("n_q", "lost"), [(8, 0.0), (8, 0.15), (2, 0.05)])
def test_a_coded_voice_is_found_where_it_is(said: Samples, n_q: int, lost: float) -> None:
    likenesses, lags_ms = places(coded(said, n_q, lost), said)
    print(likenesses, lags_ms)
    assert min(likenesses) > ALIKE + 0.05
    assert np.abs(lags_ms).max() < 6


def test_a_later_sound_is_found_later_by_as_much(said: Samples) -> None:
    late = np.concatenate([np.zeros(2400, np.int16), said])[: len(said)]
    likenesses, lags_ms = places(late, said)
    assert min(likenesses) > 0.95
    assert lags_ms == pytest.approx([100] * len(lags_ms), abs=0.5)


def test_other_sounds_are_not_alike(said: Samples) -> None:
    pieces, noise = cut(read_audio(SPEECH)), np.random.default_rng(1).normal(0, 3000, len(said)).astype(np.int16)
    others = [Voice(pieces, seed).samples(0, FRAMES) for seed in (2, 3, 4)]
    for other in (*others, noise, np.zeros_like(said)):
        assert max(places(other, said)[0]) < ALIKE


def test_silence_and_noise_have_no_ups_and_downs(said: Samples) -> None:
    assert varies(levels(said))
    assert not varies(levels(np.zeros(24_000, np.int16)))

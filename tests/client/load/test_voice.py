from __future__ import annotations

import numpy as np
import pytest

from client.frame import CODEC
from client.load.voice import PIECE_FRAMES, SPEECH, Piece, Voice, VoiceError, cut
from codec.audiofile import read_audio


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return cut(read_audio(SPEECH))


def test_the_pieces_are_the_speech(pieces: list[Piece]) -> None:
    assert all(PIECE_FRAMES[0] <= len(piece) <= PIECE_FRAMES[1] for piece in pieces)
    speech = np.concatenate(pieces).reshape(-1).astype(np.float32) / 32767
    assert np.abs(speech - read_audio(SPEECH)[: len(speech)]).max() < 1e-4


def test_a_voice_says_all_pieces_then_all_again(pieces: list[Piece]) -> None:
    voice, frames = Voice(pieces, seed=3), sum(map(len, pieces))
    first, second = voice.samples(0, frames), voice.samples(frames, frames)
    assert sorted(first) == sorted(second) == sorted(np.concatenate(pieces).reshape(-1))
    assert not np.array_equal(first, second)


def test_frames_and_samples_agree_in_any_order(pieces: list[Piece]) -> None:
    voice = Voice(pieces, seed=3)
    late = voice.samples(990, 20)
    assert np.array_equal(late.reshape(20, CODEC.hop)[7], voice.frame(997))
    assert np.array_equal(voice.frame(5), Voice(pieces, seed=3).frame(5))
    early = voice.samples(-2, 4)
    assert not early[: 2 * CODEC.hop].any()
    assert np.array_equal(early[2 * CODEC.hop :], voice.samples(0, 2))


def test_no_two_voices_say_the_same(pieces: list[Piece]) -> None:
    said = [Voice(pieces, seed).samples(0, 300).tobytes() for seed in range(50)]
    assert len(set(said)) == 50


def test_what_is_no_voice_is_refused() -> None:
    with pytest.raises(VoiceError, match=r"needs 10\.7 s of speech, this has 1\.0 s"):
        cut(np.ones(CODEC.sample_rate, np.float32))
    with pytest.raises(VoiceError, match="told from silence"):
        cut(np.full(CODEC.sample_rate * 20, 1e-4, np.float32))

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.audiofile import read_audio
from tests.sound import Sound, aligned, envelope_correlation, intelligibility, lag_of

RATE = 24_000


@pytest.fixture(scope="module")
def speech(corpus: Path) -> Sound:
    return read_audio(corpus / "heldout" / "speech" / "ljspeech_0.flac")[: 4 * RATE]


@pytest.mark.parametrize("late", [-960, 0, 960, 48_000], ids="{}-samples-late".format)
def test_a_late_sound_is_found(speech: Sound, late: int) -> None:
    sound = np.concatenate([np.zeros(late, np.float32), speech]) if late > 0 else speech[-late:]
    assert lag_of(sound, speech) == late
    assert len(aligned(sound, speech)) == len(speech)
    assert intelligibility(sound, speech, RATE) > 0.97
    assert envelope_correlation(sound, speech) > 0.95


def test_a_delay_that_changes_is_followed(speech: Sound) -> None:
    frame = np.zeros(320, np.float32)
    sound = np.concatenate([np.zeros(9000, np.float32), speech[:30_000], frame, frame, frame, speech[30_000:60_000]])
    sound = np.concatenate([sound, frame, speech[60_000:]])
    assert intelligibility(sound, speech, RATE) > 0.9


def test_another_voice_is_not_alike(speech: Sound, corpus: Path) -> None:
    other = read_audio(corpus / "heldout" / "speech" / "nabucasa_pt_BR_faber.flac")[: 4 * RATE]
    assert intelligibility(other, speech, RATE) < 0.4

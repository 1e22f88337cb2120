from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.audiofile import write_audio
from codec.engine.base import Pcm
from codec.evaluation.clips import MUSIC, NOISY, SPEECH, Clip, active_power, find_clips, find_noise, mix, spread
from codec.evaluation.errors import EvaluationError


def test_subfolders_are_kinds_and_a_plain_folder_is_speech(data: Path) -> None:
    assert [(clip.kind, clip.name) for clip in find_clips(data)] == [
        (SPEECH, "10.wav"), (SPEECH, "8.wav"), (SPEECH, "9.wav"), (MUSIC, "chord.wav"),
    ]  # fmt: skip
    assert {clip.kind for clip in find_clips(data / "speech")} == {SPEECH}


def test_few_clips_are_spread_over_all() -> None:
    names = [Path(str(index)) for index in range(10)]
    assert [int(path.name) for path in spread(names, 3)] == [0, 3, 6]
    assert spread(names, 99) == spread(names, None) == names


@pytest.mark.parametrize("snr_db", [-5, 0, 10], ids="{}-db".format)
def test_noise_is_as_loud_as_asked_against_who_speaks(speech: Pcm, snr_db: float) -> None:
    hiss = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    mixture, clean = mix(speech, hiss, snr_db, seed=3)
    assert len(mixture) == len(clean) == len(speech)
    assert np.abs(mixture).max() <= 1
    noise_power = np.mean((mixture - clean).astype(np.float64) ** 2)
    assert 10 * np.log10(active_power(clean) / noise_power) == pytest.approx(snr_db, abs=0.1)


def test_the_same_clip_gets_the_same_noise(data: Path) -> None:
    clip = Clip("8.wav", SPEECH, data / "speech" / "8.wav").in_noise(data / "noise" / "hiss.wav", 5)
    assert clip.kind == NOISY
    for first, second in zip(clip.load(1), clip.load(1), strict=True):
        np.testing.assert_array_equal(first, second)
        assert len(first) == 24_000


def test_pauses_do_not_count_as_speech(speech: Pcm) -> None:
    with_pause = np.concatenate([speech, np.zeros(10 * len(speech), np.float32)])
    assert active_power(with_pause) == pytest.approx(active_power(speech), rel=0.01)


def test_what_cannot_be_judged_is_named(tmp_path: Path, speech: Pcm) -> None:
    with pytest.raises(EvaluationError, match="no such folder"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(EvaluationError, match="there is no sound file in it"):
        find_clips(tmp_path)
    with pytest.raises(EvaluationError, match="there is no sound file in it"):
        find_noise(tmp_path)
    write_audio(tmp_path / "short.wav", speech[:2400])
    with pytest.raises(EvaluationError, match=r"short\.wav: 0\.10 s are too short"):
        find_clips(tmp_path)[0].load(5)
    with pytest.raises(EvaluationError, match=r"short\.wav: not a folder"):
        find_clips(tmp_path / "short.wav")
    with pytest.raises(EvaluationError, match="the speech is digital silence"):
        mix(np.zeros(24_000, np.float32), speech, 0, 0)
    with pytest.raises(EvaluationError, match="the noise is digital silence"):
        mix(speech, np.zeros(24_000, np.float32), 0, 0)

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from codec.audiofile import read_audio
from codec.train.data import load_clips
from codec.train.errors import DataError


def test_clips_hold_every_file(sounds: Path, tmp_path: Path) -> None:
    clips = load_clips([sounds / "speech"], tmp_path)
    assert len(clips) == 2
    assert list(clips.lengths) == [24_000, 24_000]
    wanted = read_audio(sounds / "speech" / "a" / "1.wav")
    np.testing.assert_allclose(clips.clip(1), wanted, atol=2 / 32768)


def test_the_cache_serves_the_second_time(sounds: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_clips([sounds / "speech"], tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    load_clips([sounds / "speech"], tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written


@pytest.mark.parametrize("length", [100, 24_000, 30_000])
def test_a_cut_lies_within_one_clip(sounds: Path, tmp_path: Path, length: int) -> None:
    clips = load_clips([sounds / "speech"], tmp_path)
    rng = np.random.default_rng(2)
    for _ in range(20):
        cut = clips.cut(rng, length)
        assert cut.shape == (length,)
        assert cut.dtype == np.float32
        sounding = cut[: min(length, 24_000)]
        whole = [clips.clip(index) for index in range(2)]
        assert any(np.any(np.all(_windows(clip, len(sounding))[:, :50] == sounding[:50], axis=1)) for clip in whole)


def _windows(clip: np.ndarray, length: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(clip, min(length, len(clip)))


def test_words_leave_files_out(sounds: Path, tmp_path: Path) -> None:
    assert len(load_clips([sounds / "speech"], tmp_path, exclude=("/0.wav",))) == 1


def test_a_folder_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no audio files"):
        load_clips([tmp_path], tmp_path / "cache")


def test_a_file_that_is_no_sound_is_left_out(sounds: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sounds / "speech", tmp_path / "speech"))
    (folder / "broken.wav").write_bytes(b"RIFF, not really")
    assert len(load_clips([folder], tmp_path / "cache")) == 2

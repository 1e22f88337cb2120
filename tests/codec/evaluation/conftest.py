"""Short speech, the same for all tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.audiofile import SAMPLE_RATE, read_audio, write_audio
from codec.engine.base import Pcm


@pytest.fixture(scope="session")
def speech(heldout_speech: list[Path]) -> Pcm:
    """Two seconds."""
    return read_audio(heldout_speech[8])[: 2 * SAMPLE_RATE]


@pytest.fixture(scope="session")
def data(heldout_speech: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of speech, one of music and one of noise, a second and a half each."""
    folder = tmp_path_factory.mktemp("data")
    for room in ("speech", "music", "noise"):
        (folder / room).mkdir()
    length = 3 * SAMPLE_RATE // 2
    for index in (8, 9, 10):
        write_audio(folder / "speech" / f"{index}.wav", read_audio(heldout_speech[index])[:length])
    time = np.arange(length) / SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277.2, 329.6)) / 6
    write_audio(folder / "music" / "chord.wav", np.asarray(chord, np.float32))
    hiss = np.random.default_rng(0).standard_normal(length).astype(np.float32) * 0.1
    write_audio(folder / "noise" / "hiss.wav", hiss)
    return folder

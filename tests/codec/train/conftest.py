from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.audiofile import write_audio
from codec.train.augment import Corpus
from codec.train.data import load_clips

KINDS = ("speech", "noise", "music", "rir")


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny corpus: speech/, noise/, music/ and rir/ with two short files each."""
    folder, rng = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    time = np.arange(24_000) / 24_000
    for kind in KINDS:
        for index in range(2):
            sound = np.sin(2 * np.pi * (150 + 60 * index) * time) * 0.2 + 0.02 * rng.standard_normal(24_000)
            if kind == "noise":
                sound = 0.1 * rng.standard_normal(24_000)
            if kind == "rir":
                sound = np.exp(-np.arange(2400) / 300) * rng.standard_normal(2400) * 0.3
            (folder / kind / "a").mkdir(parents=True, exist_ok=True)
            write_audio(folder / kind / "a" / f"{index}.wav", sound.astype(np.float32))
    return folder


@pytest.fixture(scope="session")
def tiny_corpus(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    cache = tmp_path_factory.mktemp("cache")
    return Corpus(**{kind: load_clips([sounds / kind], cache) for kind in KINDS})

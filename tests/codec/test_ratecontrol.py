"""Bits go to the frames that need them, and a stream keeps its mean."""

from __future__ import annotations

import numpy as np
import pytest

from codec.codebits import payload_bytes
from codec.config import CodecConfig
from codec.engine.base import Pcm
from codec.ratecontrol import LOWEST_PIVOT_DBFS, PEAK, RateControl

CONFIG = CodecConfig()


def frames(levels_dbfs: list[float], seed: int = 1) -> list[Pcm]:
    """A frame of noise at each level."""
    noise = np.random.default_rng(seed).standard_normal((len(levels_dbfs), CONFIG.hop))
    return [(row * 10 ** (level / 20)).astype(np.float32) for row, level in zip(noise, levels_dbfs, strict=True)]


def speech(seconds: float, level_dbfs: float, seed: int = 1) -> list[Pcm]:
    """Syllables of 200 ms over 30 dB with a pause of half a second after every two seconds."""
    count = round(seconds * CONFIG.frame_rate)
    place = np.arange(count) / CONFIG.frame_rate
    syllable = level_dbfs - 15 + 15 * np.sin(2 * np.pi * 5 * place)
    return frames(np.where(place % 2.5 < 2, syllable, level_dbfs - 45).tolist(), seed)


def choices(control: RateControl, sound: list[Pcm], n_q: int) -> list[int]:
    """What it chooses, frame after frame, where codes take ten bits each."""
    chosen = []
    for frame in sound:
        chosen.append(control.choose(frame, n_q))
        control.account(payload_bytes(chosen[-1], 1))
    return chosen


def mean_bytes(chosen: list[int]) -> float:
    return float(np.mean([payload_bytes(n_q, 1) for n_q in chosen]))


@pytest.mark.parametrize("level_dbfs", [-45.0, -30.0, -15.0])
@pytest.mark.parametrize("n_q", [1, 4, 8, 16, 24])
def test_the_mean_is_kept_at_any_level(n_q: int, level_dbfs: float) -> None:
    control = RateControl(CONFIG)
    chosen = choices(control, speech(60, level_dbfs), n_q)
    assert min(chosen) >= 1
    assert max(chosen) <= min(PEAK * n_q, CONFIG.quantizers)
    nominal = payload_bytes(n_q, 1)
    assert mean_bytes(chosen) <= 1.04 * nominal
    if n_q < CONFIG.quantizers and n_q > 1:
        assert mean_bytes(chosen) >= 0.85 * nominal


def test_loud_frames_get_more_than_faint_ones() -> None:
    control = RateControl(CONFIG)
    levels = [-20.0, -35.0, -50.0] * 200
    chosen = np.array(choices(control, frames(levels), 8))[-300:].reshape(-1, 3).mean(axis=0)
    assert chosen[0] > chosen[1] + 2 > chosen[2] + 4


def test_silence_takes_least_and_its_savings_are_not_spent_for_ever() -> None:
    control = RateControl(CONFIG)
    silence = choices(control, [np.zeros(CONFIG.hop, np.float32)] * 3000, 8)
    assert max(silence[-1000:]) <= 2
    assert control.pivot_dbfs == LOWEST_PIVOT_DBFS
    after = choices(control, speech(4, -25), 8)
    assert mean_bytes(after) < 1.6 * payload_bytes(8, 1)


def test_a_steady_sound_gets_the_nominal_number() -> None:
    control = RateControl(CONFIG)
    chosen = choices(control, frames([-25.0] * 600), 8)
    assert abs(mean_bytes(chosen[-300:]) - payload_bytes(8, 1)) < 0.5


def test_a_new_nominal_number_is_kept_too() -> None:
    control = RateControl(CONFIG)
    for n_q in (4, 16, 8):
        chosen = choices(control, speech(30, -25), n_q)
        assert mean_bytes(chosen[-750:]) == pytest.approx(payload_bytes(n_q, 1), rel=0.12)

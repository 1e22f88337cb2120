"""What stands in for missing frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.comfort import LOUDEST_FLOOR, ComfortNoise
from codec.conceal import CONCEALED_FRAMES, HOLD_FRAMES, MAX_LAG, TEMPLATE, Concealment, find_lag
from codec.engine.base import Pcm

HOP = 320
RATE = 24000


def voice(pitch_hz: float, frames: int, level: float = 0.2) -> Pcm:
    """Many harmonics, as a voice has, falling by 6 dB an octave."""
    time = np.arange(frames * HOP) / RATE
    harmonics = [np.sin(2 * np.pi * pitch_hz * n * time + n * n) / n for n in range(1, int(4000 / pitch_hz))]
    return (level * sum(harmonics)).astype(np.float32)


def played(concealment: Concealment, pcm: Pcm) -> Pcm:
    return np.concatenate([concealment.play(frame) for frame in pcm.reshape(-1, HOP)])


def gap(concealment: Concealment, frames: int) -> Pcm:
    return np.concatenate([concealment.conceal() for _ in range(frames)])


@pytest.mark.parametrize("pitch_hz", [60.0, 95.3, 140.0, 221.7, 390.0], ids="{}-Hz".format)
def test_the_period_is_found(pitch_hz: float) -> None:
    lag = find_lag(voice(pitch_hz, 4)[-MAX_LAG - TEMPLATE :])
    assert lag == pytest.approx(RATE / pitch_hz, abs=1)


@pytest.mark.parametrize("pitch_hz", [60.0, 140.0, 221.7], ids="{}-Hz".format)
def test_a_voice_goes_on_as_it_would_have(pitch_hz: float) -> None:
    concealment, sound = Concealment(HOP), voice(pitch_hz, 12)
    played(concealment, sound[: 10 * HOP])
    expected, heard = sound[10 * HOP :], gap(concealment, 2)
    assert np.corrcoef(heard[:HOP], expected[:HOP])[0, 1] > 0.97
    assert np.std(heard[:HOP]) == pytest.approx(np.std(expected[:HOP]), rel=0.1)


@pytest.mark.parametrize("frames", [1, 3, 6, 20], ids="{}-frames".format)
def test_there_is_no_click_at_either_end_of_a_gap(frames: int) -> None:
    concealment, sound = Concealment(HOP), voice(140.0, 20 + frames)
    parts = [played(concealment, sound[: 10 * HOP]), gap(concealment, frames)]
    parts.append(played(concealment, sound[(10 + frames) * HOP :]))
    assert np.abs(np.diff(np.concatenate(parts))).max() < 1.5 * np.abs(np.diff(sound)).max()


def test_the_last_sound_holds_then_fades_then_there_is_noise() -> None:
    concealment = Concealment(HOP)
    sound = voice(140.0, 10)
    played(concealment, sound)
    levels = [float(np.std(concealment.conceal())) for _ in range(CONCEALED_FRAMES + 10)]
    assert levels[0] == pytest.approx(np.std(sound[:HOP]), rel=0.2)
    assert np.all(np.diff(levels[HOLD_FRAMES : CONCEALED_FRAMES + 1]) < 0)
    assert max(levels[CONCEALED_FRAMES:]) <= LOUDEST_FLOOR
    assert not concealment.audible


def test_comfort_noise_is_as_loud_and_as_dull_as_the_background() -> None:
    """A background of noise below 3 kHz, at -50 dBFS."""
    random, concealment = np.random.default_rng(0), Concealment(HOP)
    spectrum = np.fft.rfft(random.standard_normal(300 * HOP))
    spectrum[len(spectrum) // 4 :] = 0
    background = np.fft.irfft(spectrum).astype(np.float32)
    background *= np.float32(0.003 / np.std(background))
    played(concealment, background)
    noise = gap(concealment, CONCEALED_FRAMES + 100)[CONCEALED_FRAMES * HOP :]
    assert np.std(noise) == pytest.approx(0.003, rel=0.2)
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert power[len(power) * 3 // 10 :].sum() < 0.02 * power.sum()


def test_noise_is_of_one_loudness_throughout() -> None:
    noise = ComfortNoise(HOP)
    frames = np.stack([noise.frame() for _ in range(400)])[1:]
    by_place = np.sqrt(np.mean(frames**2, axis=0))
    assert by_place.reshape(10, -1).mean(axis=1) == pytest.approx(noise.floor, rel=0.1)


def test_noise_that_grows_is_followed() -> None:
    random, concealment = np.random.default_rng(0), Concealment(HOP)
    for level in (0.001, 0.004):
        played(concealment, (level * random.standard_normal(400 * HOP)).astype(np.float32))
    assert np.std(gap(concealment, 60)[20 * HOP :]) == pytest.approx(0.004, rel=0.2)


def test_a_loud_voice_does_not_become_the_background() -> None:
    concealment = Concealment(HOP)
    played(concealment, voice(140.0, 300))
    assert np.std(gap(concealment, 20)[CONCEALED_FRAMES * HOP :]) <= LOUDEST_FLOOR


def test_quiet_is_known() -> None:
    concealment = Concealment(HOP)
    assert concealment.quiet
    played(concealment, voice(140.0, 3))
    assert not concealment.quiet
    played(concealment, voice(140.0, 3, level=0.001))
    assert concealment.quiet


steps = st.lists(st.sampled_from(["play", "conceal", "silence"]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-6, 0.01, 1.0]))
def test_whatever_happens_every_frame_is_whole_and_in_range(order: list[str], seed: int, level: float) -> None:
    random, concealment = np.random.default_rng(seed), Concealment(HOP)
    for step in order:
        pcm = np.clip(level * random.standard_normal(HOP), -1, 1).astype(np.float32)
        frame = concealment.play(pcm) if step == "play" else getattr(concealment, step)()
        assert frame.shape == (HOP,)
        assert frame.dtype == np.float32
        assert np.isfinite(frame).all()
        assert np.abs(frame).max() <= 1

"""The denoiser: how it looks at sound, what its gains do, and that it changes nothing when it is off."""

from __future__ import annotations

from math import pi
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from codec.audiofile import read_audio
from codec.bands import DENOISE_CENTER, DENOISE_MOST, DENOISE_UNIT, denoise_bands
from codec.config import PRESETS
from codec.denoiser import Denoiser
from codec.evaluation.clips import mix
from codec.weights import shipped

CONFIG = PRESETS["base"]
FRAMES = 40


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    """As it ships."""
    tensors = load_file(shipped("base") / "model.safetensors")
    own = {name.removeprefix("denoiser."): value for name, value in tensors.items() if name.startswith("denoiser.")}
    made = Denoiser(CONFIG)
    made.load_state_dict(own)
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return 0.05 * torch.randn(1, 1, FRAMES * CONFIG.hop, generator=torch.Generator().manual_seed(3))


def cleaned(denoiser: Denoiser, pcm: torch.Tensor, denoise: float = 1.0) -> torch.Tensor:
    mode = torch.full((len(pcm), pcm.shape[-1] // CONFIG.hop), denoise)
    return denoiser.step(pcm, mode, denoiser.initial_state(len(pcm)))[0]


def look(denoiser: Denoiser, pcm: torch.Tensor) -> torch.Tensor:
    """Of the last frame [bands]."""
    return denoiser.loudness(denoiser.powers(pcm))[0, :, -1]


def rms(x: torch.Tensor | np.ndarray) -> float:
    return float((x**2).mean() ** 0.5)


def test_bands_share_every_frequency() -> None:
    frequency = np.linspace(0, CONFIG.sample_rate / 2, 500)
    np.testing.assert_allclose(denoise_bands(CONFIG).shares(frequency).sum(axis=0), 1)


@pytest.mark.parametrize("hertz", [150.0, 1000.0, 6000.0])
def test_a_tone_is_loudest_in_its_band_and_as_loud_as_it_is(denoiser: Denoiser, hertz: float) -> None:
    time = torch.arange(6 * CONFIG.hop) / CONFIG.sample_rate
    tone = 0.1 * torch.sin(2 * pi * hertz * time)[None, None]
    seen = look(denoiser, tone)
    assert abs(int(seen.argmax()) - int(denoise_bands(CONFIG).shares(np.array([hertz])).argmax())) <= 1
    louder = look(denoiser, 2 * tone)
    assert float((louder - seen).max()) == pytest.approx(np.log(4) / DENOISE_UNIT, rel=0.01)
    assert float(look(denoiser, 0 * tone).max()) == pytest.approx((np.log(1e-9) - DENOISE_CENTER) / DENOISE_UNIT)


def test_off_is_off(denoiser: Denoiser, noise: torch.Tensor) -> None:
    torch.testing.assert_close(cleaned(denoiser, noise, 0.0), noise, rtol=0, atol=1e-7)


def test_noise_goes_away_and_half_of_the_decibels_in_mid_ramp(denoiser: Denoiser, noise: torch.Tensor) -> None:
    ends = [cleaned(denoiser, noise, mode)[..., 20 * CONFIG.hop :] for mode in (0.5, 1.0)]
    left = [20 * np.log10(rms(end) / rms(noise)) for end in ends]
    assert -4.343 * 2 * DENOISE_MOST - 1 < left[1] < -12
    assert left[0] == pytest.approx(left[1] / 2, abs=3)


def test_frame_by_frame_is_the_same_sound(denoiser: Denoiser, noise: torch.Tensor) -> None:
    whole, state, pieces = cleaned(denoiser, noise), denoiser.initial_state(1), []
    for piece in noise.split(CONFIG.hop, dim=-1):
        y, state = denoiser.step(piece, torch.ones(1, 1), state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-6)


def test_it_delays_nothing_and_sees_nothing_of_what_comes(denoiser: Denoiser, noise: torch.Tensor) -> None:
    later = noise.clone()
    later[..., 20 * CONFIG.hop :] = 0
    pair = (cleaned(denoiser, sound)[..., : 20 * CONFIG.hop] for sound in (noise, later))
    torch.testing.assert_close(*pair, rtol=0, atol=1e-6)
    found, given = cleaned(denoiser, noise)[0, 0], noise[0, 0]
    assert int(np.correlate(found.numpy(), given.numpy(), "same").argmax()) == len(given) // 2


@pytest.mark.parametrize("silent_frames", [75, 300])
def test_a_voice_in_noise_stays_after_digital_silence(denoiser: Denoiser, silent_frames: int) -> None:
    time = np.arange(8 * CONFIG.sample_rate) / CONFIG.sample_rate
    phase = 2 * pi * np.cumsum(140 + 25 * np.sin(2 * pi * 0.7 * time)) / CONFIG.sample_rate
    syllables = np.clip(np.sin(2 * pi * 1.5 * time) + 0.4, 0, 1)
    voice = syllables * sum(np.sin(k * phase) / k for k in range(1, 25))
    noise = np.random.default_rng(0).standard_normal(len(time))
    noisy = torch.from_numpy(np.float32(0.08 * voice / rms(voice) + 0.025 * noise))[None, None]
    silence = torch.zeros(1, 1, silent_frames * CONFIG.hop)
    late = cleaned(denoiser, torch.cat([silence, noisy], dim=2))[..., silence.shape[2] :]
    for begun, heard in zip(cleaned(denoiser, noisy).chunk(8, dim=2), late.chunk(8, dim=2), strict=True):
        assert 20 * np.log10(rms(heard) / rms(begun)) > -6


def loudness(sound: np.ndarray) -> np.ndarray:
    """Magnitudes in windows of 20 ms to the power of 0.3."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, 480)[::240] * np.hanning(480)
    return np.abs(np.fft.rfft(windows)) ** 0.3


def test_speech_in_noise_comes_nearer_to_the_speech(
    denoiser: Denoiser, heldout_speech: list[Path], heldout_noise: list[Path]
) -> None:
    for path, other in zip(heldout_speech[:3], heldout_noise[:3], strict=True):
        speech = read_audio(path)[: 225 * CONFIG.hop]
        noisy, clean = mix(speech[: len(speech) // CONFIG.hop * CONFIG.hop], read_audio(other), 5.0, 1)
        output = cleaned(denoiser, torch.from_numpy(noisy)[None, None])[0, 0].numpy()
        errors = [rms(loudness(sound) - loudness(clean)) for sound in (noisy, output)]
        assert errors[1] < 0.8 * errors[0]
        alone = cleaned(denoiser, torch.from_numpy(clean)[None, None])[0, 0].numpy()
        wanted = loudness(clean)
        spoken = wanted > rms(wanted)  # what is fainter may be the room, which goes
        assert rms((loudness(alone) - wanted)[spoken]) < 0.15 * rms(wanted[spoken])

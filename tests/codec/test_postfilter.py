"""The long-term postfilter: it finds the period of what repeats, and takes out what does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec import pitch
from codec.config import PRESETS
from codec.postfilter import LongTermPostfilter

CONFIG = PRESETS["base"]
FRAMES = 20
SETTLED = 4  # frames after which all of the history is sound


@pytest.fixture(scope="module")
def postfilter() -> LongTermPostfilter:
    return LongTermPostfilter(CONFIG)


def voice(hertz: float, frames: int = FRAMES) -> torch.Tensor:
    """Harmonics up to 4 kHz, the higher the fainter, [1, 1, frames * hop]."""
    time = torch.arange(frames * CONFIG.hop, dtype=torch.float64) / CONFIG.sample_rate
    partials = [torch.sin(2 * torch.pi * n * hertz * time + n * n) / n for n in range(1, int(4000 / hertz) + 1)]
    return 0.05 * torch.stack(partials).sum(dim=0).float()[None, None]


def noise(seed: int = 1) -> torch.Tensor:
    return 0.02 * torch.randn(1, 1, FRAMES * CONFIG.hop, generator=torch.Generator().manual_seed(seed))


def found(postfilter: LongTermPostfilter, sound: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Lags of all frames but the first, and how strong they are."""
    before, _ = postfilter.initial_state(1)
    lag, strength = postfilter.pitch(torch.cat([before, sound], dim=-1)[:, 0])
    return lag[0, SETTLED:], strength[0, SETTLED:]


def filtered(postfilter: LongTermPostfilter, sound: torch.Tensor, n_q: int = 8) -> torch.Tensor:
    return postfilter.step(sound, n_q, postfilter.initial_state(len(sound)))[0]


@pytest.mark.parametrize("hertz", [70.0, 115.0, 190.0, 310.0, 480.0], ids="{:.0f}-Hz".format)
def test_the_lag_of_a_voice_is_its_period(postfilter: LongTermPostfilter, hertz: float) -> None:
    lag, strength = found(postfilter, voice(hertz))
    assert (lag - CONFIG.sample_rate / hertz).abs().max() <= 1.5
    assert strength.min() > 0.8


def test_noise_has_no_pitch(postfilter: LongTermPostfilter) -> None:
    assert float(found(postfilter, noise())[1].mean()) < 0.1


def test_silence_stays_silence(postfilter: LongTermPostfilter) -> None:
    assert not filtered(postfilter, torch.zeros(1, 1, FRAMES * CONFIG.hop)).any()


@pytest.mark.parametrize("hertz", [115.0, 190.0], ids="{:.0f}-Hz".format)
def test_it_takes_noise_out_of_a_voice_and_leaves_the_voice(postfilter: LongTermPostfilter, hertz: float) -> None:
    clean, settled = voice(hertz), slice(SETTLED * CONFIG.hop, None)
    assert float((filtered(postfilter, clean) - clean)[..., settled].std() / clean.std()) < 0.1
    noisy = clean + noise()
    error = (filtered(postfilter, noisy) - clean)[..., settled]
    assert float(error.std() / noise()[..., settled].std()) < 0.85


def test_fewer_quantizers_are_filtered_more(postfilter: LongTermPostfilter) -> None:
    noisy = voice(150.0) + noise()
    changes = [float((filtered(postfilter, noisy, n_q) - noisy).std()) for n_q in (1, 4, 8, 16, 24)]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] * pitch.MOST_SHARES[1] == pytest.approx(changes[-1] * pitch.MOST_SHARES[0], rel=1e-3)


def test_frame_by_frame_is_the_same_sound(postfilter: LongTermPostfilter) -> None:
    sound = voice(150.0) + noise()
    whole, state, pieces = filtered(postfilter, sound), postfilter.initial_state(1), []
    for frame in sound.split(CONFIG.hop, dim=-1):
        piece, state = postfilter.step(frame, 8, state)
        pieces.append(piece)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-6)


def test_a_frame_does_not_depend_on_what_comes_later(postfilter: LongTermPostfilter) -> None:
    sound = voice(150.0) + noise()
    later, end = sound.clone(), 9 * CONFIG.hop
    later[..., end:] = 0
    assert torch.equal(filtered(postfilter, sound)[..., :end], filtered(postfilter, later)[..., :end])


def test_a_change_of_pitch_makes_no_click(postfilter: LongTermPostfilter) -> None:
    """What a frame gains begins where the frame before left off."""
    sound = torch.cat([voice(110.0, 8), voice(290.0, 8)], dim=-1)
    change = (filtered(postfilter, sound) - sound)[0, 0]
    edges = torch.arange(SETTLED * CONFIG.hop, len(change), CONFIG.hop)
    jumps = (change[edges] - change[edges - 1]).abs()
    assert float(jumps.max()) < 3 * float(sound.diff().abs().quantile(0.99))


def test_gradients_go_through_and_are_finite(postfilter: LongTermPostfilter) -> None:
    for sound in (voice(150.0) + noise(), torch.zeros(1, 1, FRAMES * CONFIG.hop)):
        pcm = sound.requires_grad_()
        filtered(postfilter, pcm).square().sum().backward()
        assert pcm.grad is not None
        assert torch.isfinite(pcm.grad).all()


def test_all_of_a_lag_lies_in_the_history() -> None:
    assert pitch.history(CONFIG) >= pitch.DECIMATION * pitch.MOST_LAG
    assert np.isclose(pitch.lowpass(CONFIG).sum(), 1)

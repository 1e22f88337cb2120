from __future__ import annotations

import pytest
import torch
from torch import Tensor

from codec.train.loudness import loudness_distance

SAMPLE_RATE, SAMPLES = 24_000, 12_000


def sine(hertz: float, amplitude: float) -> Tensor:
    return amplitude * torch.sin(2 * torch.pi * hertz * torch.arange(SAMPLES) / SAMPLE_RATE)[None]


def distance(target: Tensor, output: Tensor) -> float:
    return float(loudness_distance(target, output, SAMPLE_RATE))


@pytest.mark.parametrize("hertz", [125.0, 1000.0, 8000.0])
def test_the_further_the_level_is_off_the_more_it_disturbs(hertz: float) -> None:
    far = [distance(sine(hertz, 0.1), sine(hertz, 0.1 * gain)) for gain in (1.0, 0.7, 0.4, 0.1)]
    assert far[0] == 0
    assert far == sorted(far)


def test_a_faint_sound_beside_a_loud_one_in_its_band_is_masked_and_far_from_it_is_heard() -> None:
    loud = sine(1000, 0.1)
    assert distance(loud, loud + sine(1010, 0.003)) < 0.02 * distance(loud, loud + sine(3000, 0.003))


def test_what_is_below_the_threshold_in_quiet_is_not_heard() -> None:
    # -84 dB below 73 dB of sound pressure, at 100 Hz, where the threshold is 23 dB.
    assert distance(sine(1000, 0.1), sine(1000, 0.1) + sine(100, 0.1 * 10 ** (-84 / 20))) < 1e-3


def test_what_is_added_disturbs_more_than_what_lacks() -> None:
    one, both = sine(500, 0.1), sine(500, 0.1) + sine(3000, 0.02)
    assert distance(one, both) > 2 * distance(both, one)


def test_it_is_the_same_at_any_level_of_the_example() -> None:
    noise = torch.randn(1, SAMPLES, generator=torch.Generator().manual_seed(1))
    at_levels = [distance(level * sine(700, 1.0), level * (sine(700, 1.0) + 0.1 * noise)) for level in (0.02, 0.5)]
    assert at_levels[0] == pytest.approx(at_levels[1], rel=1e-3)


def test_silence_has_a_gradient_that_is_a_number() -> None:
    output = torch.zeros(1, SAMPLES, requires_grad=True)
    for target in (torch.zeros(1, SAMPLES), sine(300, 0.1)):
        (gradient,) = torch.autograd.grad(loudness_distance(target, output, SAMPLE_RATE), output)
        assert torch.isfinite(gradient).all()

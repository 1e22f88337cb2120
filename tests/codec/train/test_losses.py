from __future__ import annotations

import pytest
import torch

from codec.train.losses import ReconstructionLoss, balanced_gradient, mel_filterbank

SAMPLES = 6400


@pytest.fixture(scope="module")
def loss() -> ReconstructionLoss:
    return ReconstructionLoss(24_000)


@pytest.fixture
def sound() -> torch.Tensor:
    return torch.randn(2, SAMPLES, generator=torch.Generator().manual_seed(1)) * 0.1


def test_equal_sounds_lose_nothing(loss: ReconstructionLoss, sound: torch.Tensor) -> None:
    assert loss(sound, sound) == {"mel": 0, "complex": 0, "wave": 0}


def test_more_noise_loses_more(loss: ReconstructionLoss, sound: torch.Tensor) -> None:
    noise = torch.randn(2, SAMPLES, generator=torch.Generator().manual_seed(2))
    losses = [loss(sound, sound + level * noise) for level in (0.0, 0.001, 0.01, 0.1)]
    for name in losses[0]:
        assert (values := [float(each[name]) for each in losses]) == sorted(values)


def test_mel_does_not_hear_the_phase_that_the_others_hear(loss: ReconstructionLoss) -> None:
    time = torch.arange(SAMPLES) / 24_000
    sine, cosine = torch.sin(2 * torch.pi * 375 * time)[None], torch.cos(2 * torch.pi * 375 * time)[None]
    parts = loss(sine, cosine)
    assert min(parts["complex"], parts["wave"]) > 5 * parts["mel"]


@pytest.mark.parametrize("level", [0.0, 1e-6, 1e-3, 1.0])
def test_gradients_are_finite_at_any_level(loss: ReconstructionLoss, sound: torch.Tensor, level: float) -> None:
    output = (0.5 * level * sound).requires_grad_()
    for value in loss(level * sound, output).values():
        (gradient,) = torch.autograd.grad(value, output, retain_graph=True)
        assert torch.isfinite(gradient).all()


def test_balancing_gives_each_loss_its_weight(loss: ReconstructionLoss, sound: torch.Tensor) -> None:
    output = (0.5 * sound).requires_grad_()
    losses = loss(sound, output)
    for name in losses:
        weights = dict.fromkeys(losses, 0.0) | {name: 2.0}
        assert balanced_gradient(losses, weights, output).norm() == pytest.approx(2.0, rel=1e-3)


def test_balancing_lets_no_example_take_over(loss: ReconstructionLoss, sound: torch.Tensor) -> None:
    levels = torch.tensor([[1.0], [0.1]])
    output = (0.5 * levels * sound).requires_grad_()
    losses = {"mel": loss(levels * sound, output)["mel"]}
    (plain,) = torch.autograd.grad(losses["mel"], output, retain_graph=True)
    loud, quiet = balanced_gradient(losses, {"mel": 1.0}, output).norm(dim=1)
    assert float(plain[1].norm() / plain[0].norm()) > 7
    assert float(quiet / loud) == pytest.approx(10**0.5, rel=0.1)


def test_balancing_does_not_blow_up_what_needs_no_change(loss: ReconstructionLoss, sound: torch.Tensor) -> None:
    output = torch.stack([0.5 * sound[0], sound[1]]).requires_grad_()
    unheard = {"wave": loss(sound, output)["wave"] + 1e-9 * output[1].sum()}
    changed, met = balanced_gradient({"wave": loss(sound, output)["wave"]}, {"wave": 1.0}, output).norm(dim=1)
    assert met == 0
    assert balanced_gradient(unheard, {"wave": 1.0}, output).norm(dim=1)[1] < 1e-3 * changed


@pytest.mark.parametrize(("window", "bands"), [(64, 16), (256, 64), (2048, 64)])
def test_every_mel_band_hears_something(window: int, bands: int) -> None:
    bank = mel_filterbank(24_000, window, bands, torch.device("cpu"))
    assert bank.shape == (window // 2 + 1, bands)
    torch.testing.assert_close(bank.sum(dim=0), torch.ones(bands))

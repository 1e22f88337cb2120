"""Discriminators learn to tell sounds apart, and show the codec the way."""

from __future__ import annotations

import copy
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor

from codec.train.adversary import DEEMPHASIS_HZ, KEPT, Adversary, deemphasised, kept, relative_distance
from codec.train.discriminators import Discriminators, discriminator
from codec.train.errors import TrainingError
from codec.train.export import keep_discriminators
from codec.train.losses import loudness
from codec.train.recipe import Recipe
from codec.train.team import Team

NAMES = ("stft:1024", "stft:512:5", "wave:1", "wave:2", "period:5")


def sounds(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Tones with overtones, and the same ones without; [4, 4800] each."""
    torch.manual_seed(seed)
    phase = torch.arange(4800) / 24_000 * (100 + 200 * torch.rand(4, 1)) * 2 * torch.pi
    plain = 0.1 * torch.sin(phase)
    return plain + 0.05 * torch.sin(5 * phase) + 0.03 * torch.sin(11 * phase), plain


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_judges_and_names_its_layers(name: str) -> None:
    real, _ = sounds()
    for logits, seen in discriminator(name, 8)(real, loudness(real)):
        assert logits.shape[0] == len(real)
        assert len(seen) >= 5
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_judgement_does_not_depend_on_the_level(name: str) -> None:
    real, _ = sounds()
    judge = discriminator(name, 8)
    loud, louder = (judge(level * real, loudness(level * real)) for level in (4.0, 8.0))
    for (a, _), (b, _) in zip(loud, louder, strict=True):
        scale = a.abs().max()
        assert (a - b).abs().max() < 0.3 * scale  # compressed, not normalised: nearly


@pytest.mark.parametrize("names", [("stft:512",), ("wave:2",), ("period:3",)], ids=str)
def test_discriminators_learn_to_tell_sounds_apart(names: tuple[str, ...]) -> None:
    torch.manual_seed(1)
    adversary = Adversary(Recipe(discriminators=names, discriminator_learning_rate=2e-3), Team())
    losses = []
    for step in range(25):
        verdict = adversary.judge(*sounds(step), torch.float32)
        adversary.learn(verdict)
        losses.append(verdict.discriminator.item())
    assert losses[0] == pytest.approx(2, abs=0.5)
    assert losses[-1] < 0.8 * losses[0]


def test_kept_discriminators_judge_as_before(tmp_path: Path) -> None:
    recipe = Recipe(discriminators=("stft:256", "stft:512"), discriminator_channels=4)
    adversary, fresh = Adversary(recipe, Team()), Adversary(recipe, Team())
    keep_discriminators({"recipe": asdict(recipe), "adversary": adversary.state_dict()}, tmp_path)
    judges = kept(tmp_path)
    assert judges
    assert judges.fit(recipe)
    assert not judges.fit(Recipe(discriminators=("stft:512", "stft:256"), discriminator_channels=4))
    fresh.start(judges)
    before, after = (each.judge(*sounds(), torch.float32).discriminator.item() for each in (adversary, fresh))
    assert before == after


def test_damaged_discriminators_are_named(tmp_path: Path) -> None:
    recipes = [Recipe(discriminators=(name,), discriminator_channels=4) for name in ("stft:256", "wave:1")]
    other, adversary = (Adversary(recipe, Team()) for recipe in recipes)
    keep_discriminators({"recipe": asdict(recipes[1]), "adversary": other.state_dict()}, tmp_path)
    judges = kept(tmp_path)
    assert judges
    with pytest.raises(TrainingError, match=r"discriminators of .* are not wave:1"):
        adversary.start(judges)
    (tmp_path / KEPT).write_bytes(b"rubbish")
    with pytest.raises(TrainingError, match="is damaged"):
        kept(tmp_path)
    (tmp_path / KEPT).unlink()
    assert kept(tmp_path) is None


def test_the_codec_is_shown_the_way_and_the_discriminators_are_not_touched_by_it() -> None:
    torch.manual_seed(0)
    adversary = Adversary(Recipe(discriminators=("stft:512",)), Team())
    real, fake = sounds()
    fake.requires_grad_()
    verdict = adversary.judge(real, fake, torch.float32)
    (gradient,) = torch.autograd.grad(verdict.hinge + verdict.feature, fake, retain_graph=True)
    assert gradient.abs().max() > 0
    assert all(parameter.grad is None for parameter in adversary.networks.parameters())
    nearer = adversary.judge(real, fake.detach() + 0.5 * (real - fake.detach()), torch.float32)
    assert nearer.feature < verdict.feature
    assert adversary.judge(real, real, torch.float32).feature < 1e-6


def test_deemphasis_leaves_the_sound_and_lowers_the_gradient_of_what_is_high() -> None:
    sound = torch.randn(2, 4800).requires_grad_()
    heard = deemphasised(sound, 24_000)
    assert torch.equal(heard, sound)
    time = torch.arange(4800) / 24_000
    for hertz, loss_db in ((100, 0.0), (DEEMPHASIS_HZ, -3.0), (8 * DEEMPHASIS_HZ * 0.9, -17.2)):
        tone = torch.sin(2 * torch.pi * hertz * time).expand(2, -1)
        (gradient,) = torch.autograd.grad(heard, sound, tone, retain_graph=True)
        assert 20 * torch.log10(gradient.norm() / tone.norm()) == pytest.approx(loss_db, abs=0.1)
        assert (gradient * tone).sum() > 0.99 * gradient.norm() * tone.norm()


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_relative_distance_is_what_its_formula_says_and_so_is_its_gradient(kind: torch.dtype) -> None:
    real, fake = (torch.randn(2, 3, 50).to(kind) for _ in range(2))
    fake.requires_grad_()
    plain = fake.detach().double().requires_grad_()
    expected = (plain - real.double()).abs().mean() / real.double().abs().mean()
    distance = relative_distance(real, fake)
    torch.testing.assert_close(distance.double(), expected, rtol=0.01, atol=0)
    for gradients in zip(*(torch.autograd.grad(a, b) for a, b in ((distance, fake), (expected, plain))), strict=True):
        torch.testing.assert_close(gradients[0].double(), gradients[1], rtol=0.02, atol=1e-7)


def test_an_adversary_resumes_exactly() -> None:
    torch.manual_seed(0)
    recipe = Recipe(discriminators=("stft:512", "wave:2"))
    first, second = Adversary(recipe, Team()), Adversary(recipe, Team())
    first.learn(first.judge(*sounds(), torch.float32))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for adversary in (first, second):
        adversary.learn(adversary.judge(*sounds(1), torch.float32))
    pairs = zip(first.networks.parameters(), second.networks.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["", "stft", "stft:1000", "stft:512:2", "stft:64", "wave:0", "wave:a", "mel:80"])
def test_an_unknown_discriminator_is_named(name: str) -> None:
    with pytest.raises(TrainingError, match=f"discriminator '{name}' is not stft:WINDOW"):
        Discriminators((name,), 8)

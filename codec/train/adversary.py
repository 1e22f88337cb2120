"""The adversarial part of training: discriminators that learn, and what the codec learns from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional as F

from codec.config import PRESETS
from codec.train.discriminators import Discriminators
from codec.train.errors import TrainingError
from codec.train.losses import loudness
from codec.train.recipe import Recipe, set_rate
from codec.train.team import Team

DEEMPHASIS_HZ = 1500
KEPT = "discriminators.safetensors"  # beside exported weights: who judged them, for who trains them on


@dataclass(frozen=True)
class Verdict:
    """Scalars: the codec's hinge and feature losses (arXiv 2107.03312, equations 3 and 4), the discriminators' own."""

    hinge: Tensor
    feature: Tensor
    discriminator: Tensor


class Adversary:
    """Discriminators and their optimizer."""

    def __init__(self, recipe: Recipe, team: Team) -> None:
        self.team, self.sample_rate = team, PRESETS[recipe.preset].sample_rate
        self.networks = Discriminators(recipe.discriminators, recipe.discriminator_channels).to(team.device)
        self.learning_rate = recipe.discriminator_learning_rate
        self.optimizer = torch.optim.Adam(self.networks.parameters(), lr=self.learning_rate, betas=(0.5, 0.9))

    def judge(self, target: Tensor, output: Tensor, precision: torch.dtype) -> Verdict:
        """target, output [B, samples]. One pass each serves both sides: features of the target are held constant for
        the codec, and `learn` differentiates by the discriminators alone."""
        level, output = loudness(target), deemphasised(output, self.sample_rate)
        with torch.autocast(target.device.type, precision, enabled=precision != torch.float32):
            on_target, on_output = self.networks(target, level), self.networks(output, level)
        hinge, feature, own = [], [], []
        for (real, real_seen), (fake, fake_seen) in zip(on_target, on_output, strict=True):
            hinge.append(F.relu(1 - fake.float()).mean())
            own.append(F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean())
            feature += [relative_distance(a.detach(), b) for a, b in zip(real_seen, fake_seen, strict=True)]
        return Verdict(*(torch.stack(terms).mean() for terms in (hinge, feature, own)))

    def learn(self, verdict: Verdict) -> None:
        """One update of the discriminators."""
        parameters = list(self.networks.parameters())
        gradients = torch.autograd.grad(verdict.discriminator, parameters)
        self.team.average(gradients)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        set_rate(self.optimizer, self.learning_rate)
        self.optimizer.step()

    def start(self, kept: Kept) -> None:
        """Begins with discriminators that have learned. Raises TrainingError when they do not fit their own names."""
        try:
            self.networks.load_state_dict(kept.tensors)
        except RuntimeError as error:
            raise TrainingError(f"the discriminators of {kept.path} are not {' '.join(kept.names)}") from error

    def state_dict(self) -> dict[str, object]:
        return {"networks": self.networks.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, dict[str, object]]) -> None:
        self.networks.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(state["optimizer"])


@dataclass(frozen=True)
class Kept:
    """The discriminators of a finished run, as they lie beside its weights."""

    path: Path
    names: tuple[str, ...]
    channels: int
    tensors: dict[str, Tensor]

    def fit(self, recipe: Recipe) -> bool:
        """Whether they are those that the recipe asks for."""
        return (self.names, self.channels) == (recipe.discriminators, recipe.discriminator_channels)


def kept(folder: Path) -> Kept | None:
    """The discriminators beside the weights in `folder`, if any. Raises TrainingError for a damaged file."""
    path = folder / KEPT
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            named, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Kept(path, tuple(named["discriminators"].split()), int(named["channels"]), tensors)
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from error


def relative_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Mean absolute difference relative to the real one's mean, so that every layer counts alike; a scalar."""
    distance = cast(Tensor, MeanDistance.apply(real, fake))  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return distance / real.abs().mean().float().clamp(min=1e-6)


class MeanDistance(torch.autograd.Function):
    """Mean |real - fake|, differentiated by `fake` in its own type: the step's largest tensors go through here."""

    @staticmethod
    def forward(ctx: Any, real: Tensor, fake: Tensor) -> Tensor:
        difference = fake - real
        ctx.save_for_backward(difference)
        return difference.abs().mean().float()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        (difference,) = ctx.saved_tensors
        return None, difference.sign() * (gradient / difference.numel())


def deemphasised(sound: Tensor, sample_rate: int) -> Tensor:
    """The sound as it is [B, samples], but its gradient loses 6 dB an octave above DEEMPHASIS_HZ. Discriminators see
    frequencies on a linear scale, compressed: nine tenths of their gradient were for what is above 4 kHz."""
    return cast(Tensor, Deemphasis.apply(sound, sample_rate))  # type: ignore[no-untyped-call]  # torch leaves it untyped


class Deemphasis(torch.autograd.Function):
    """Nothing forward, a low-pass without delay backward."""

    @staticmethod
    def forward(ctx: Any, sound: Tensor, sample_rate: int) -> Tensor:
        ctx.sample_rate = sample_rate
        return sound.view_as(sound)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        samples = gradient.shape[1]
        frequency = torch.fft.rfftfreq(samples, 1 / ctx.sample_rate, device=gradient.device)
        spec = torch.fft.rfft(gradient) * torch.rsqrt(1 + (frequency / DEEMPHASIS_HZ).square())
        return torch.fft.irfft(spec, samples), None

"""Everything that decides a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, pi

from torch.optim import Optimizer

from codec.config import PRESETS
from codec.train.augment import Mixture
from codec.train.errors import TrainingError


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run. Lengths in frames, rates per step."""

    preset: str = "base"
    steps: int = 20_000
    batch: int = 5
    frames: int = 64
    continuous_steps: int = 1_000  # before the quantizer comes in
    continuous_learning_rate: float = 4e-3  # until then; with a quantizer it would outrun the codebooks
    learning_rate: float = 1e-3  # from then on, at its peak
    final_learning_rate: float = 5e-5
    warmup_steps: int = 50
    start_vectors: int = 16_000  # embeddings that the codebooks' k-means start sees
    loss_weights: dict[str, float] = field(
        default_factory=lambda: {"mel": 1.0, "complex": 0.1, "wave": 0.1, "adversarial": 5.0, "gain": 0.5}
    )
    adversarial_from: int = 2_000  # the step at which the discriminators come in
    adversarial_ramp: int = 500  # updates over which the codec comes to heed them
    discriminators: tuple[str, ...] = ("stft:2048", "stft:1024", "stft:512")
    discriminator_channels: int = 16
    discriminator_learning_rate: float = 1e-3
    feature_weight: float = 1.0  # of feature matching beside the hinge loss
    commitment: float = 1.0
    settle: float = 0.1  # of the steps, the last, leave the encoder alone
    clip_norm: float = 200.0
    precision: str = "fp32"
    seed: int = 1
    mixture: Mixture = field(default_factory=Mixture)

    def __post_init__(self) -> None:
        sizes = ("steps", "batch", "frames", "warmup_steps", "learning_rate", "final_learning_rate")
        check_preset_and_sizes(self.preset, {name: getattr(self, name) for name in sizes})
        if not 0 <= self.settle <= 1:
            raise TrainingError(f"settle {self.settle:g} is no share of the steps, from 0 to 1")

    @property
    def settle_from(self) -> int:
        """The step from which on codebooks and decoder alone learn: never before there are codebooks, which come in
        after the continuous steps, or with the weights that a run begins with."""
        begun = self.continuous_steps + 1 if self.continuous_steps else 0
        return max(self.steps - round(self.settle * self.steps), begun)


def check_preset_and_sizes(preset: str, sizes: dict[str, float]) -> None:
    """Raises TrainingError for a preset that there is not, or a size by its name that is not above 0."""
    if preset not in PRESETS:
        raise TrainingError(f"preset {preset!r} is not one of {', '.join(PRESETS)}")
    for name, size in sizes.items():
        if size <= 0:
            raise TrainingError(f"{name.replace('_', ' ')} {size:g} is not above 0")


def warm_cosine(peak: float, step: int, steps: int, warmup_steps: int) -> float:
    """Linear warm-up into half a cosine down to nothing."""
    return peak * min(1.0, (step + 1) / warmup_steps) * (1 + cos(pi * min(1.0, step / steps))) / 2


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up; constant until the quantizer comes in; then half a cosine down to the final rate."""
    continuous = step < recipe.continuous_steps
    peak = recipe.continuous_learning_rate if continuous else recipe.learning_rate
    if continuous or step < recipe.warmup_steps:
        return peak * min(1.0, (step + 1) / recipe.warmup_steps)
    begin = max(recipe.continuous_steps, recipe.warmup_steps)
    progress = min(1.0, (step - begin) / max(1, recipe.steps - begin))
    return recipe.final_learning_rate + (peak - recipe.final_learning_rate) * (1 + cos(pi * progress)) / 2


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """The learning rate of all that it updates."""
    for group in optimizer.param_groups:
        group["lr"] = rate

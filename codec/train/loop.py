"""The training loop: reconstruction through the quantizer, resumable to the step."""

from __future__ import annotations

import csv
import time
from dataclasses import asdict, dataclass, field
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from codec.config import PRESETS
from codec.train.augment import Batch, Corpus, Mixture, draw_batch
from codec.train.errors import TrainingError
from codec.train.generator import LEVEL, Average, trainable, trained
from codec.train.losses import ReconstructionLoss, balanced_gradient
from codec.train.quantizer import CodebookTrainer, Whitening
from codec.weights import Weights


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run. Lengths in frames, rates per step."""

    preset: str = "base"
    steps: int = 20_000
    batch: int = 8
    frames: int = 40
    learning_rate: float = 8e-4
    final_learning_rate: float = 2e-5
    warmup_steps: int = 200
    continuous_steps: int = 2_000  # before the quantizer comes in
    start_vectors: int = 16_000  # embeddings that the codebooks' k-means start sees
    loss_weights: dict[str, float] = field(default_factory=lambda: {"mel": 1.0, "complex": 0.1, "wave": 0.1})
    commitment: float = 1.0
    clip_norm: float = 200.0
    favoured_n_q: tuple[int, ...] = (4, 8, 12, 16, 24)
    precision: str = "fp32"
    seed: int = 1
    mixture: Mixture = field(default_factory=Mixture)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise TrainingError(f"preset {self.preset!r} is not one of {', '.join(PRESETS)}")
        for name in ("steps", "batch", "frames", "learning_rate", "final_learning_rate"):
            if getattr(self, name) <= 0:
                raise TrainingError(f"{name.replace('_', ' ')} {getattr(self, name):g} is not above 0")


class Trainer:
    """One run in the folder `out`: `checkpoint.pt`, `log.csv`. From scratch, or from the weights `start`."""

    def __init__(self, recipe: Recipe, corpus: Corpus, out: Path, start: Weights | None = None) -> None:
        self.recipe, self.corpus, self.out = recipe, corpus, out
        torch.manual_seed(recipe.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.config = PRESETS[recipe.preset]
        if start and start.config != self.config:
            raise TrainingError(f"{start.folder} has weights of preset {start.config.preset}, not {recipe.preset}")
        self.model = (trained(start) if start else trainable(self.config)).to(self.device)
        kind = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
        self.model.encoder.compute_type = self.model.decoder.compute_type = kind
        self.average = Average(self.model)
        self.codebooks = CodebookTrainer(self.model.quantizer)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4
        )
        self.loss = ReconstructionLoss(self.config.sample_rate)
        self.rng = np.random.default_rng(recipe.seed)
        self.step = 0
        self.vectors: list[Tensor] = []

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    def run(self, save_minutes: float = 5.0) -> None:
        """Trains up to the recipe's last step, saving now and then and at the end (also on Ctrl-C)."""
        self.out.mkdir(parents=True, exist_ok=True)
        bar = tqdm(total=self.recipe.steps, initial=self.step, unit="step", mininterval=2)
        saved, log = time.monotonic(), CsvLog(self.out / "log.csv", self.step)
        try:
            while self.step < self.recipe.steps:
                figures = self.train_step()
                if summary := log.add(self.step, figures):
                    bar.set_postfix_str(" ".join(f"{name} {value:.3g}" for name, value in summary.items()))
                bar.update()
                if time.monotonic() - saved > save_minutes * 60:
                    self.save()
                    saved = time.monotonic()
        finally:
            self.save()
            bar.close()

    def train_step(self) -> dict[str, float]:
        """One batch, one update -> figures for the log."""
        recipe = self.recipe
        if self.vectors and self.step >= recipe.continuous_steps:
            self._bring_in_quantizer()
        batch = draw_batch(self.corpus, recipe.mixture, self.rng, recipe.batch, recipe.frames * self.config.hop)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        figures = self._accumulate(batch)
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm))
        if not np.isfinite(norm):
            raise TrainingError(f"the gradient of step {self.step} is not finite : {figures}")
        self.optimizer.step()
        self.step += 1
        self.average.update(self.model)
        return {**figures, "grad_norm": norm, "learning_rate": self.optimizer.param_groups[0]["lr"]}

    def _accumulate(self, batch: Batch) -> dict[str, float]:
        """Forward and backward -> figures for the log."""
        source = torch.from_numpy(batch.source).to(self.device)
        target = torch.from_numpy(batch.target).to(self.device)
        mode = torch.from_numpy(batch.denoise).to(self.device)[:, None].expand(-1, self.recipe.frames)
        size = len(source)
        z, _ = self.model.encoder.step(LEVEL * source[:, None], mode, self.model.encoder.initial_state(size))
        z = self.model.quantizer.project_in(z)
        figures = dict[str, float]()
        backward_from, gradients = list[Tensor](), list[Tensor | None]()
        if self.step < self.recipe.continuous_steps:
            self._collect(z)
        else:
            quantized = self.codebooks(z, self._draw_n_q(size))
            z = quantized.z
            backward_from, gradients = [self.recipe.commitment * quantized.commitment], [None]
            figures["commitment"] = float(quantized.commitment.detach())
            figures["perplexity"] = perplexity(quantized.codes[:, 0])
        z = self.model.quantizer.project_out(z)
        output = self.model.decoder.step(z, self.model.decoder.initial_state(size))[0] / LEVEL
        losses = self.loss(target, output[:, 0])
        gradients.append(balanced_gradient(losses, self.recipe.loss_weights, output))
        torch.autograd.backward([*backward_from, output], gradients)
        return figures | {name: float(loss.detach()) for name, loss in losses.items()}

    def _collect(self, z: Tensor) -> None:
        """Keeps the last embeddings before the quantizer comes in."""
        per_step = z.shape[0] * z.shape[2]
        if (self.recipe.continuous_steps - self.step) * per_step <= self.recipe.start_vectors:
            self.vectors.append(z.detach().transpose(1, 2).reshape(per_step, -1))

    def _bring_in_quantizer(self) -> None:
        """Quantization noise falls on all axes alike and would bury the weak ones (most of what is above 1 kHz), so
        the embeddings are whitened before k-means starts the codebooks."""
        vectors = torch.cat(self.vectors)
        self.vectors.clear()
        whitening = Whitening.of(vectors)
        for model in (self.model, self.average.model):
            whitening.move(model.quantizer)
        for projection in (self.model.quantizer.project_in, self.model.quantizer.project_out):
            for parameter in projection.parameters():
                self.optimizer.state.pop(parameter, None)
        self.codebooks.start(whitening(vectors))

    def _draw_n_q(self, size: int) -> Tensor:
        """Quantizer dropout: half of the examples on a favoured depth, half on any; [B]."""
        favoured = self.rng.choice(self.recipe.favoured_n_q, size)
        anything = self.rng.integers(1, self.config.quantizers + 1, size)
        return torch.from_numpy(np.where(self.rng.random(size) < 0.5, favoured, anything)).to(self.device)

    def save(self) -> None:
        """Writes all that an exact resume needs; the old checkpoint stays until the new one is whole."""
        state = {
            "recipe": asdict(self.recipe), "step": self.step, "model": self.model.state_dict(),
            "average": self.average.state_dict(), "codebooks": self.codebooks.state_dict(),
            "optimizer": self.optimizer.state_dict(), "rng": self.rng.bit_generator.state,
            "torch_rng": torch.get_rng_state(), "vectors": self.vectors,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def resume(self) -> None:
        """Goes on where `checkpoint.pt` stopped. Raises TrainingError when it is of another preset or damaged."""
        state = read_checkpoint(self.checkpoint)
        if state["recipe"]["preset"] != self.recipe.preset:
            raise TrainingError(f"{self.checkpoint} is of preset {state['recipe']['preset']}, not {self.recipe.preset}")
        self.step = state["step"]
        for name in ("model", "average", "codebooks", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch_rng"])
        self.vectors = list(state["vectors"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU. Raises TrainingError when there is none or it can't be read."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"no checkpoint at {path}") from None
    except Exception as error:
        raise TrainingError(f"{path} is not a checkpoint: {error}") from error
    return content


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then half a cosine down to the final rate."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    progress = min(1.0, (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps))
    span = recipe.learning_rate - recipe.final_learning_rate
    return recipe.final_learning_rate + span * (1 + cos(pi * progress)) / 2


def perplexity(codes: Tensor) -> float:
    """How many entries a batch's codes use, counted by entropy."""
    share = torch.bincount(codes).float() / len(codes)
    return float(torch.exp(-(share * torch.log(share.clamp(min=1e-9))).sum()))


class CsvLog:
    """Means of the last `every` steps, a row each; plot it with anything."""

    columns = ("step", "seconds", "mel", "complex", "wave", "commitment", "perplexity", "grad_norm", "learning_rate")

    def __init__(self, path: Path, step: int, every: int = 50) -> None:
        self.path, self.every, self.recent = path, every, list[dict[str, float]]()
        self.started = time.monotonic()
        if step == 0 or not path.exists():
            path.write_text(",".join(self.columns) + "\n")

    def add(self, step: int, figures: dict[str, float]) -> dict[str, float] | None:
        """Returns the means whenever a row was written."""
        self.recent.append(figures)
        if step % self.every:
            return None
        means = {name: float(np.mean([row.get(name, 0.0) for row in self.recent])) for name in self.columns[2:]}
        self.recent.clear()
        with self.path.open("a", newline="") as out:
            seconds = round(time.monotonic() - self.started, 1)
            csv.writer(out).writerow([step, seconds, *(f"{value:.5g}" for value in means.values())])
        return means

"""The training loop: an autoencoder, then through the quantizer, then against discriminators, at last codebooks and
decoder alone; resumable to the step."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from codec.bands import INAUDIBLE
from codec.config import PRESETS
from codec.levels import high_shares, parted, whole
from codec.train.adversary import Adversary, Kept
from codec.train.augment import Corpus, Samples, draw_batch
from codec.train.checkpoint import read_checkpoint, write_checkpoint
from codec.train.depths import draw_depths
from codec.train.errors import TrainingError
from codec.train.generator import Average, trainable, trained
from codec.train.log import perplexity
from codec.train.losses import ReconstructionLoss, balanced_gradient
from codec.train.muon import Muon
from codec.train.pictures import draw_picture
from codec.train.quantizer import DECAY, LEVEL_SHARE, CodebookTrainer, Whitening, settling_decay, steady, weigh_levels
from codec.train.recipe import Recipe, learning_rate, set_rate
from codec.train.run import Run
from codec.weights import Weights

LEAST_HEARD = 1e-3  # of an example's mean power in a band: what is fainter counts less


class Trainer(Run):
    """One run in the folder `out`, from scratch or from the weights `start`, with the discriminators `judges` if they
    are those of the recipe."""

    def __init__(
        self, recipe: Recipe, corpus: Corpus, out: Path, start: Weights | None = None, judges: Kept | None = None
    ) -> None:
        super().__init__(recipe.steps, out)
        self.recipe, self.corpus = recipe, corpus
        torch.manual_seed(recipe.seed)
        self.device = self.team.device
        self.config = PRESETS[recipe.preset]
        if start and start.config != self.config:
            raise TrainingError(f"{start.folder} has weights of preset {start.config.preset}, not {recipe.preset}")
        self.model = (trained(start) if start else trainable(self.config)).to(self.device)
        self.compute_type = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
        self.model.encoder.compute_type = self.model.decoder.compute_type = self.compute_type
        self.average = Average(self.model)
        self.codebooks = CodebookTrainer(self.model.quantizer, self.team)
        self.optimizer = Muon(self.model.parameters(), lr=recipe.learning_rate)
        self.loss = ReconstructionLoss(self.config.sample_rate)
        self.adversary = Adversary(recipe, self.team) if recipe.adversarial_from < recipe.steps else None
        if self.adversary and judges and judges.fit(recipe):
            self.adversary.start(judges)
        self.rng = np.random.default_rng((recipe.seed, self.team.rank))
        self.settled_at: int | None = None  # the step from which on the encoder is left alone
        self.vectors: list[Tensor] = []

    def train_step(self) -> dict[str, float]:
        """One batch, one update -> figures for the log."""
        recipe = self.recipe
        if self.vectors and self.step >= recipe.continuous_steps:
            self._bring_in_quantizer()
        self._settle()
        batch = draw_batch(self.corpus, recipe.mixture, self.rng, recipe.batch, recipe.frames * self.config.hop)
        rate = learning_rate(recipe, self.step)
        set_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        figures = self._accumulate(batch)
        self.team.average(p.grad for p in self.model.parameters() if p.grad is not None)
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm))
        if not np.isfinite(norm):
            raise TrainingError(f"the gradient of step {self.step} is not finite : {figures}")
        self.optimizer.step()
        if self.step >= recipe.continuous_steps and self.settled_at is None:
            self.codebooks.balance(self.average.model.quantizer)
        self.step += 1
        self.average.update(self.model)
        return {**figures, "grad_norm": norm, "learning_rate": rate}

    def save_midway(self) -> None:
        """With a picture."""
        self.save()
        self.draw()

    def draw(self) -> None:
        """Pictures of what the averaged model makes of one clip, always the same."""
        if self.team.leads:
            cut = self.corpus.speech.cut(np.random.default_rng(self.recipe.seed), 3 * self.config.sample_rate)
            cut = cut[: len(cut) // self.config.hop * self.config.hop]
            clip = torch.from_numpy(cut).to(self.device)
            draw_picture(self.average.model, clip, self.out / "pictures" / f"{self.step:07d}.png")

    def _accumulate(self, batch: Samples) -> dict[str, float]:
        """Forward and backward -> figures for the log."""
        target = torch.from_numpy(batch).to(self.device)
        size = len(target)
        with torch.set_grad_enabled(self.settled_at is None):
            z, _ = self.model.encoder.step(target[:, None], self.model.encoder.initial_state(size))
            z = self.model.quantizer.project(z)
        figures = dict[str, float]()
        backward_from, gradients = list[Tensor](), list[None]()
        if self.step < self.recipe.continuous_steps:
            self._collect(z)
        else:
            depths = draw_depths(target, self.config, self.rng)
            quantized = self.codebooks(steady(z, self.config.projected), depths)
            z = quantized.z
            if self.settled_at is None:
                backward_from, gradients = [self.recipe.commitment * quantized.commitment], [None]
            figures["commitment"] = float(quantized.commitment.detach())
            figures["perplexity"] = perplexity(quantized.codes[:, 0])
        z = self.model.quantizer.project_back(z)
        decoder = self.model.decoder
        pcm, wanted, _ = decoder.unfiltered(z, iter(decoder.initial_state(size)))
        raw = pcm[:, 0]
        heads = [value.detach().requires_grad_() for value in (raw, wanted)]
        judged = self._equalize_and_judge(target, *heads)
        torch.autograd.backward([*backward_from, raw, wanted], [*gradients, *(head.grad for head in heads)])
        return figures | judged

    def _equalize_and_judge(self, target: Tensor, raw: Tensor, wanted: Tensor) -> dict[str, float]:
        """target, raw [B, samples], log powers [B, bands, T] -> figures; their gradients are set.

        What leaves the equalizer is judged. But that alone would leave levels to it, which knows one a frame: so the
        gains that it needs, where something is to be heard, are a loss of the network's own. And what it shall bring
        about is judged by the target's levels alone: judges of sounds like what is uncertain to be faint."""
        equalizer = self.model.decoder.equalizer
        analysis, *state = equalizer.pass_state(len(raw))
        pcm = raw[:, None]
        with torch.no_grad():
            true, _ = equalizer.analysis.step(target[:, None], analysis)
            levels = whole(true)
            heard = _heard(levels)
        asked = parted(wanted.detach(), high_shares(true))
        gains, _ = equalizer.gains(pcm, asked, analysis)
        output = equalizer.filter.step(pcm, gains, tuple(state))[0][:, 0]
        gradient, figures = self._judge(target, output.detach().requires_grad_())
        torch.autograd.backward([output], [gradient], retain_graph=True)  # the gains go on to their own loss
        distance = ((wanted - torch.log(levels + INAUDIBLE)).abs() * heard).sum() / heard.sum().clamp(min=1.0)
        torch.autograd.backward([distance])
        loss = (gains.abs() * _heard(torch.exp(asked))).mean()
        assert raw.grad is not None
        raw.grad += balanced_gradient({"gain": loss}, self.recipe.loss_weights, raw)
        return figures | {"gain": float(loss.detach()), "level": float(distance.detach())}

    def _judge(self, target: Tensor, output: Tensor) -> tuple[Tensor, dict[str, float]]:
        """target, output [B, samples] -> what the output's gradient shall be, figures. Discriminators learn too."""
        losses, weights = self.loss(target, output), dict(self.recipe.loss_weights)
        figures = {name: float(loss.detach()) for name, loss in losses.items()}
        begin = self.recipe.adversarial_from
        if self.adversary is None or self.step < begin:
            return balanced_gradient(losses, weights, output), figures
        verdict = self.adversary.judge(target, output, self.compute_type)
        weights["adversarial"] *= min(1.0, (self.step - begin) / max(1, self.recipe.adversarial_ramp))
        losses["adversarial"] = verdict.hinge + self.recipe.feature_weight * verdict.feature
        gradient = balanced_gradient(losses, weights, output)
        self.adversary.learn(verdict)
        return gradient, figures | {name: float(value.detach()) for name, value in vars(verdict).items()}

    def _collect(self, z: Tensor) -> None:
        """Keeps the last embeddings before the quantizer comes in."""
        per_step = z.shape[0] * z.shape[2]
        if (self.recipe.continuous_steps - self.step) * per_step <= self.recipe.start_vectors:
            self.vectors.append(z.detach().transpose(1, 2).contiguous())

    def _bring_in_quantizer(self) -> None:
        """Quantization noise falls on all axes alike and would bury the weak ones, so what is learned of the embeddings
        is whitened, and levels get a deviation like it, before k-means starts the codebooks."""
        vectors = torch.cat(self.vectors)
        self.team.share([vectors])
        self.vectors.clear()
        learned, levels = vectors.flatten(0, 1).tensor_split([self.config.projected], dim=1)
        whitening = Whitening.of(learned)
        deviation = LEVEL_SHARE * float(whitening(learned).std())
        for model in (self.model, self.average.model):
            whitening.move(model.quantizer)
            weigh_levels(model.quantizer, levels, deviation)
        for projection in (self.model.quantizer.project_in, self.model.quantizer.project_out):
            for parameter in projection.parameters():
                self.optimizer.state.pop(parameter, None)
        scaled = (levels - self.model.quantizer.level_offset) * self.model.quantizer.level_scale
        self.codebooks.start(torch.cat([whitening(learned), scaled], dim=1).view(vectors.shape))
        self.team.share([self.codebooks.sums, self.model.quantizer.codebooks, self.model.quantizer.prediction])
        self.average.model.quantizer.prediction.copy_(self.model.quantizer.prediction)

    def _settle(self) -> None:
        """When its time has come, the averaged model takes the model's place and its encoder stays. Codebooks had
        learned on the encoder of the moment, which is another: now they have time to average over much more."""
        if self.step < self.recipe.settle_from:
            self.settled_at = None
        elif self.settled_at is None:
            self.settled_at = self.step
            self.model.load_state_dict(self.average.model.state_dict())
            self.average.steps = 0
        self.codebooks.decay = DECAY if self.settled_at is None else settling_decay(self.step - self.settled_at)

    def save(self) -> None:
        """Writes the checkpoint."""
        rngs = self.team.gather(self.rng.bit_generator.state)
        if not self.team.leads:
            return
        state = {
            "recipe": asdict(self.recipe), "step": self.step, "rngs": rngs, "torch_rng": torch.get_rng_state(),
            "vectors": self.vectors, "settled_at": self.settled_at,
        }
        write_checkpoint(self.checkpoint, state | {name: part.state_dict() for name, part in self._parts().items()})

    def resume(self) -> None:
        """Goes on where `checkpoint.pt` stopped. Raises TrainingError when it is of another preset or damaged."""
        state = read_checkpoint(self.checkpoint)
        if state["recipe"]["preset"] != self.recipe.preset:
            raise TrainingError(f"{self.checkpoint} is of preset {state['recipe']['preset']}, not {self.recipe.preset}")
        if "model" not in state:
            raise TrainingError(f"{self.checkpoint} is no codec's checkpoint")
        self.step = state["step"]
        for name, part in self._parts().items():
            if name not in state:  # discriminators may come in later
                continue
            try:
                part.load_state_dict(state[name])
            except (RuntimeError, ValueError) as error:
                other = "discriminators" if name == "adversary" else "networks, of other sizes"
                text = f"the {name} of {self.checkpoint} is not this run's: other {other}?"
                raise TrainingError(text) from error
        if self.team.rank < len(state["rngs"]):
            self.rng.bit_generator.state = state["rngs"][self.team.rank]
        torch.set_rng_state(state["torch_rng"])
        self.vectors, self.settled_at = list(state["vectors"]), state.get("settled_at")

    def _parts(self) -> dict[str, Any]:
        """What learns, by its name in the checkpoint."""
        parts = {
            "model": self.model, "average": self.average, "codebooks": self.codebooks, "optimizer": self.optimizer,
        }
        return parts | ({"adversary": self.adversary} if self.adversary else {})


def _heard(powers: Tensor) -> Tensor:
    """Powers [B, bands, T] -> how much each counts, from 0 to 1: little where the example is much louder elsewhere."""
    return powers / (powers + LEAST_HEARD * powers.mean(dim=(1, 2), keepdim=True) + INAUDIBLE)

"""Teaches a denoiser, alone: speech in noise goes in, the speech shall come out.

Speech and noise are prepared once, with all their faults and colours, and mixed anew for every example. Judged are
gains in bands, not spectra: a step costs little more than the network, and no band counts more because it is wide.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F
from tqdm import trange

from codec.bands import DENOISE_WINDOW, LOUDNESS_EXPONENT
from codec.config import PRESETS
from codec.denoiser import Denoiser
from codec.train.augment import Corpus, Mixture, Samples, at_level, draw_noise, draw_voice, rms
from codec.train.checkpoint import read_checkpoint, write_checkpoint
from codec.train.errors import TrainingError
from codec.train.generator import well_started
from codec.train.muon import Muon
from codec.train.recipe import check_preset_and_sizes, warm_cosine
from codec.train.run import Run
from codec.weights import Weights

COLUMNS = ("loudness", "gain", "grad_norm", "learning_rate")
FLOOR, LEAST_FLOOR = 1e-5, 1e-10  # powers in a band, relative to the example's mean and at the least: what is inaudible
NOISE_ALONE = 0.1, 0.2  # of the noisy sound's amplitude and strength, beside the speech's: for speech that is silence
VOICE_ACTIVE = 0.03  # of the peak: what is fainter is a pause, and the ratio of speech to noise is not of pauses


@dataclass(frozen=True)
class DenoiseRecipe:
    """Everything that decides how a denoiser is taught. Lengths in frames, rates per step."""

    preset: str = "base"
    steps: int = 12_000
    batch: int = 16
    frames: int = 240
    speech_pieces: int = 6_000
    noise_pieces: int = 4_000
    learning_rate: float = 4e-3  # at its peak
    warmup_steps: int = 100
    gain_weight: float = 2.0  # of errors of gains beside errors of loudness
    taken: float = 0.3  # by how much more voice that is taken away counts than noise that is left
    noise_alone: float = 0.07  # of the examples
    nearly_clean: float = 0.2  # of the examples, at nearly_clean_db
    snr_db: tuple[float, float] = (-5.0, 30.0)
    nearly_clean_db: tuple[float, float] = (35.0, 70.0)
    level_dbfs: tuple[float, float] = (-42.0, -12.0)
    clip_norm: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        sizes = ("steps", "batch", "frames", "speech_pieces", "noise_pieces", "learning_rate")
        check_preset_and_sizes(self.preset, {name: getattr(self, name) for name in sizes})

    def rate(self, step: int) -> float:
        return warm_cosine(self.learning_rate, step, self.steps, self.warmup_steps)


class Pieces:
    """Prepared sounds of one length, int16, each as loud as they go."""

    def __init__(self, sounds: NDArray[np.int16]) -> None:
        self.sounds = sounds

    def draw(self, rng: np.random.Generator) -> Samples:
        """Any of them, begun anywhere: it goes round."""
        sound = self.sounds[rng.integers(len(self.sounds))]
        turned: Samples = np.roll(sound, rng.integers(len(sound))).astype(np.float32)
        return turned / np.float32(32768)


def prepare(recipe: DenoiseRecipe, corpus: Corpus, rng: np.random.Generator) -> tuple[Pieces, Pieces]:
    """-> speech, noise."""
    length, mixture = recipe.frames * PRESETS[recipe.preset].hop, Mixture()
    made = []
    for name, count in (("speech", recipe.speech_pieces), ("noise", recipe.noise_pieces)):
        sounds = np.zeros((count, length), dtype=np.int16)
        for index in trange(count, desc=f"preparing {name}", unit="piece", mininterval=2):
            sound = draw_voice(corpus, mixture, rng, length) if name == "speech" else draw_noise(corpus, rng, length)
            sounds[index] = sound * (29_000 / max(float(np.abs(sound).max()), 1e-4))
        made.append(Pieces(sounds))
    return made[0], made[1]


def draw_pair(
    recipe: DenoiseRecipe, speech: Pieces, noise: Pieces, rng: np.random.Generator
) -> tuple[Samples, Samples]:
    """-> noisy speech, the speech in it, both [samples]."""
    voice, other = speech.draw(rng), noise.draw(rng)
    active = voice[np.abs(voice) > VOICE_ACTIVE * np.abs(voice).max()]
    clean = rng.random() < recipe.nearly_clean
    snr_db = rng.uniform(*(recipe.nearly_clean_db if clean else recipe.snr_db))
    other *= np.float32(rms(active) / max(rms(other), 1e-3) * 10 ** (-snr_db / 20)) if len(active) else np.float32(1)
    if rng.random() < recipe.noise_alone:
        voice *= 0
    noisy = voice + other
    scaled = at_level(noisy, rng.uniform(*recipe.level_dbfs))
    return scaled, voice * (rms(scaled) / max(rms(noisy), 1e-9))


class DenoiserTrainer(Run):
    """One run in the folder `out`, from scratch or from the denoiser of `start`."""

    columns = COLUMNS

    def __init__(self, recipe: DenoiseRecipe, corpus: Corpus, out: Path, start: Weights | None = None) -> None:
        super().__init__(recipe.steps, out)
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.rng = np.random.default_rng((recipe.seed, self.team.rank))
        config = PRESETS[recipe.preset]
        self.denoiser = well_started(Denoiser(config))
        if start:
            self.denoiser.load_state_dict(denoiser_of(load_file(start.file("model.safetensors"))))
        self.denoiser.to(self.team.device)
        self.optimizer = Muon(self.denoiser.parameters(), lr=recipe.learning_rate)
        self.speech, self.noise = prepare(recipe, corpus, self.rng)

    def train_step(self) -> dict[str, float]:
        """One batch, one update -> figures for the log. Raises TrainingError where they are no numbers."""
        recipe = self.recipe
        pairs = [draw_pair(recipe, self.speech, self.noise, self.rng) for _ in range(recipe.batch)]
        noisy, clean = (torch.from_numpy(np.stack(sounds)).to(self.team.device) for sounds in zip(*pairs, strict=True))
        loudness, gain = self._distances(noisy, clean)
        rate = recipe.rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward([loudness + recipe.gain_weight * gain])
        self.team.average(p.grad for p in self.denoiser.parameters() if p.grad is not None)
        norm = float(torch.nn.utils.clip_grad_norm_(self.denoiser.parameters(), recipe.clip_norm))
        if not np.isfinite(norm):
            raise TrainingError(f"the gradient of step {self.step} is not finite")
        self.optimizer.step()
        self.step += 1
        return dict(zip(COLUMNS, (float(loudness.detach()), float(gain.detach()), norm, rate), strict=True))

    def _distances(self, noisy: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """noisy, clean [B, samples] -> squared errors of loudness in bands, each example's relative to its own, and of
        the gains' square roots, where there is something to take away."""
        denoiser, recipe = self.denoiser, self.recipe
        with torch.no_grad():
            seen = [F.pad(x, (DENOISE_WINDOW - denoiser.hop, 0))[:, None] for x in (noisy, clean)]
            given, wanted = (denoiser.powers(x).transpose(1, 2) for x in seen)
            means = [power.mean(dim=(1, 2), keepdim=True) for power in (given, wanted)]
            level = torch.maximum(means[1], NOISE_ALONE[0] ** 2 * means[0])
            floor = FLOOR * level + LEAST_FLOOR
            before, target = ((power + floor) ** LOUDNESS_EXPONENT for power in (given, wanted))
            strength = target.square().mean(dim=(1, 2)) + NOISE_ALONE[1] * before.square().mean(dim=(1, 2))
            right = ((wanted + 1e-3 * floor) / (given + 1e-3 * floor)).clamp(max=1) ** 0.25
            audible = given / (given + 1e-4 * level)
        gains = denoiser.gains(denoiser.loudness(seen[0]), denoiser.network_state(len(noisy)))[0]
        lack = target - (given * torch.exp(2 * gains) + floor) ** LOUDNESS_EXPONENT
        loudness = (lack.square() * (1 + recipe.taken * (lack > 0))).mean(dim=(1, 2)) / strength
        return loudness.mean(), ((right - torch.exp(gains / 2)).square() * audible).mean()

    def save(self) -> None:
        """Writes the checkpoint."""
        if not self.team.leads:
            return
        parts = {"denoiser": self.denoiser.state_dict(), "optimizer": self.optimizer.state_dict()}
        write_checkpoint(self.checkpoint, {"recipe": asdict(self.recipe), "step": self.step, **parts})

    def resume(self) -> None:
        """Goes on where `checkpoint.pt` stopped, with examples drawn anew. Raises TrainingError when it is of another
        preset or damaged."""
        state = read_checkpoint(self.checkpoint)
        try:
            if state["recipe"]["preset"] != self.recipe.preset:
                preset = state["recipe"]["preset"]
                raise TrainingError(f"{self.checkpoint} is of preset {preset}, not {self.recipe.preset}")
            self.denoiser.load_state_dict(state["denoiser"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"{self.checkpoint} is no denoiser's checkpoint: {error}") from error
        self.rng = np.random.default_rng((self.recipe.seed, self.team.rank, self.step))


def denoiser_of(tensors: dict[str, Any]) -> dict[str, Any]:
    """A codec's tensors -> its denoiser's."""
    own = "denoiser."
    return {name.removeprefix(own): value for name, value in tensors.items() if name.startswith(own)}

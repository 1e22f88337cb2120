"""Teaches a denoiser, alone: speech in noise goes in, the speech shall come out.

Speech and noise are prepared once, with all their faults and colours, as the spectra that the denoiser looks at; those
are mixed anew for every example, for a spectrum of a sum is a sum of spectra. Judged are
gains in bands, not spectra: a step costs little more than the network, and no band counts more because it is wide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from tqdm import trange

from codec.bands import DENOISE_WINDOW, LOUDNESS_EXPONENT
from codec.config import PRESETS
from codec.denoiser import Denoiser
from codec.model import misfit
from codec.train.augment import Corpus, Mixture, Samples, draw_voice, rms
from codec.train.checkpoint import read_checkpoint, write_checkpoint
from codec.train.errors import TrainingError
from codec.train.generator import well_started
from codec.train.muon import Muon, halves_are_quick
from codec.train.noises import draw_noise
from codec.train.recipe import check_preset_and_sizes, set_rate, warm_cosine
from codec.train.run import Run
from codec.weights import Weights

Floats = NDArray[np.float32]

COLUMNS = ("loudness", "gain", "grad_norm", "learning_rate")
FLOOR, LEAST_FLOOR = 1e-6, 1e-10  # powers in a band, relative to the example's mean and at the least: what is inaudible
NOISE_ALONE = 0.1, 0.2  # of the noisy sound's amplitude and strength, beside the speech's: for speech that is silence
VOICE_ACTIVE = 0.03  # of the peak: what is fainter is a pause, and the ratio of speech to noise is not of pauses
SILENCE = 1e-8  # powers below are digital silence
ALWAYS = 0.06  # of the frames are as faint as the background of a recording, BACKGROUND times which is taken from it
BACKGROUND, BACKGROUND_LEFT = 2.0, 1e-3
FULL_SCALE = 0.99
NOISE_COLOUR_DB, COLOUR_POINTS = 8.0, 8


@dataclass(frozen=True)
class DenoiseRecipe:
    """Everything that decides how a denoiser is taught. Lengths in frames, rates per step."""

    preset: str = "base"
    steps: int = 12_000
    batch: int = 16
    frames: int = 240
    speech_pieces: int = 3_000
    noise_pieces: int = 3_000
    learning_rate: float = 4e-3  # at its peak
    warmup_steps: int = 100
    gain_weight: float = 2.0  # of errors of gains beside errors of loudness
    lost_voice: float = 0.7  # what voice that is taken away counts, noise that is left being 1
    lost_whole: float = 6.0  # the same where all shall pass
    noise_alone: float = 0.07  # of the examples
    renewed: int = 2  # pieces of either kind that give way to others in each step
    at_other_speed: float = 0.5  # of the voices
    nearly_clean: float = 0.3  # of the examples, at nearly_clean_db: they shall pass whole
    snr_db: tuple[float, float] = (-5.0, 22.0)
    nearly_clean_db: tuple[float, float] = (30.0, 70.0)
    level_dbfs: tuple[float, float] = (-42.0, -12.0)
    clip_norm: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        sizes = ("steps", "batch", "frames", "speech_pieces", "noise_pieces", "learning_rate")
        check_preset_and_sizes(self.preset, {name: getattr(self, name) for name in sizes})

    def rate(self, step: int) -> float:
        return warm_cosine(self.learning_rate, step, self.steps, self.warmup_steps)


class Pieces:
    """Prepared sounds of one length, as the denoiser looks at them: each goes round, and its peak is 1."""

    def __init__(
        self, denoiser: Denoiser, draw: Callable[[], Samples], frames: int, count: int, kind: str, voices: bool = False
    ) -> None:
        """`count` drawn sounds of so many frames. A piece takes a quarter of a megabyte."""
        bands, bins = denoiser.weights.shape
        self._denoiser, self._draw, self._next, self._voices = denoiser, draw, 0, voices
        self.spectra = np.empty((count, frames, 2, bins), dtype=np.float16)  # real and imaginary parts
        self.powers = np.empty((count, frames, bands), dtype=np.float32)
        # The same, of speech without the background that the recording has of its own.
        self.wanted = np.empty_like(self.powers) if voices else self.powers
        self.active = np.empty(count, dtype=np.float32)  # the RMS where something is to be heard
        self.strength = np.empty(count, dtype=np.float32)  # the RMS of all of it
        for _ in trange(count, desc=f"preparing {kind}", unit="piece", mininterval=2):
            self.renew()

    def __len__(self) -> int:
        return len(self.powers)

    @torch.no_grad()
    def renew(self) -> None:
        """Puts another sound in the place of the oldest one."""
        index, self._next = self._next, (self._next + 1) % len(self)
        sound = self._draw()
        sound = sound / np.float32(max(float(np.abs(sound).max()), 1e-4))
        whole = torch.from_numpy(np.concatenate([sound[self._denoiser.hop - DENOISE_WINDOW :], sound]))[None, None]
        looked = self._denoiser.spectra(whole)
        powers = self._denoiser.in_bands(looked)[0]
        self.spectra[index] = torch.view_as_real(looked[0]).transpose(1, 2).numpy()
        self.powers[index] = powers.numpy()
        if self._voices:
            self.wanted[index] = without_background(powers).numpy()
        loud = sound[np.abs(sound) > VOICE_ACTIVE]
        self.active[index], self.strength[index] = rms(loud) if len(loud) else 0.0, rms(sound)


def prepare(
    recipe: DenoiseRecipe, corpus: Corpus, denoiser: Denoiser, rng: np.random.Generator
) -> tuple[Pieces, Pieces]:
    """-> speech, noise."""
    frames, mixture = recipe.frames, Mixture(at_other_speed=recipe.at_other_speed)
    length = frames * denoiser.hop
    draw_speech, draw_other = lambda: draw_voice(corpus, mixture, rng, length), lambda: draw_noise(corpus, rng, length)
    speech = Pieces(denoiser, draw_speech, frames, recipe.speech_pieces, "speech", voices=True)
    return speech, Pieces(denoiser, draw_other, frames, recipe.noise_pieces, "noise")


def without_background(powers: Tensor) -> Tensor:
    """Powers [frames, bands] less what is always there, but for digital silence: speech is recorded in rooms, and the
    room is not wanted."""
    audible = torch.where(powers > SILENCE, powers, torch.inf)
    always = torch.quantile(audible, ALWAYS, dim=0)
    return torch.maximum(powers - BACKGROUND * torch.where(always < 1, always, 0), BACKGROUND_LEFT * powers)


def draw_batch(
    recipe: DenoiseRecipe, speech: Pieces, noise: Pieces, weights: NDArray[np.float32], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """`weights` [bands, bins]: of bins' powers in bands -> powers of noisy speech and of the speech in it, both
    [B, bands, frames]."""
    examples = [draw_powers(recipe, speech, noise, weights, rng) for _ in range(recipe.batch)]
    given, wanted = (torch.from_numpy(np.stack(powers)).transpose(1, 2) for powers in zip(*examples, strict=True))
    return given, wanted


def draw_powers(
    recipe: DenoiseRecipe, speech: Pieces, noise: Pieces, weights: NDArray[np.float32], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The same for one example, [frames, bands]: both pieces begun anywhere, the noise coloured anew."""
    (voice, begin), (other, noise_begin) = (_drawn(pieces, rng) for pieces in (speech, noise))
    clean = rng.random() < recipe.nearly_clean
    snr_db = rng.uniform(*(recipe.nearly_clean_db if clean else recipe.snr_db))
    gain = float(speech.active[voice]) / max(float(noise.strength[other]), 1e-3) * 10 ** (-snr_db / 20)
    spoken = float(rng.random() >= recipe.noise_alone)
    heard = np.hypot(spoken * speech.strength[voice], gain * noise.strength[other])
    level = min(10 ** (rng.uniform(*recipe.level_dbfs) / 20) / max(heard, 1e-4), FULL_SCALE / (spoken + gain))
    gains = gain * rng.choice((-1, 1)) * _colour(len(weights), rng)
    both = _turned(speech.spectra[voice], begin) * _turned(noise.spectra[other], noise_begin)
    shared = 2 * spoken * gains * (both.sum(axis=1) @ weights.T)
    alone = spoken * _turned(speech.powers[voice], begin) + gains**2 * _turned(noise.powers[other], noise_begin)
    given = np.maximum(alone + shared, 0)
    wanted = given if clean and spoken else spoken * _turned(speech.wanted[voice], begin)
    given, wanted = (np.asarray(power * level**2, dtype=np.float32) for power in (given, wanted))
    return given, wanted


def _drawn(pieces: Pieces, rng: np.random.Generator) -> tuple[int, int]:
    """-> one of them, and the frame at which it begins."""
    return int(rng.integers(len(pieces))), int(rng.integers(pieces.powers.shape[1]))


def _turned(frames: NDArray[Any], begin: int) -> Floats:
    return np.asarray(np.roll(frames, -begin, axis=0), dtype=np.float32)


def _colour(bands: int, rng: np.random.Generator) -> Floats:
    """Gains of a microphone or a wall; half of the time there is none."""
    if rng.random() < 0.5:
        return np.ones(bands, dtype=np.float32)
    points_db = rng.uniform(-NOISE_COLOUR_DB, NOISE_COLOUR_DB, COLOUR_POINTS)
    curve_db = np.interp(np.linspace(0, COLOUR_POINTS - 1, bands), np.arange(COLOUR_POINTS), points_db)
    return np.asarray(10 ** (curve_db / 20), dtype=np.float32)


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
            try:
                self.denoiser.load_state_dict(denoiser_of(load_file(start.file("model.safetensors"))))
            except RuntimeError as error:
                said = f"the weights in {start.folder} have another kind of denoiser: {misfit(error)}"
                raise TrainingError(said) from error
        self.weights = self.denoiser.weights.numpy()
        self.speech, self.noise = prepare(recipe, corpus, Denoiser(config), self.rng)
        self.denoiser.to(self.team.device)
        self.optimizer = Muon(self.denoiser.parameters(), lr=recipe.learning_rate)

    def train_step(self) -> dict[str, float]:
        """One batch, one update -> figures for the log. Raises TrainingError where they are no numbers."""
        recipe = self.recipe
        for pieces in (self.speech, self.noise):
            for _ in range(recipe.renewed):
                pieces.renew()
        given, wanted = draw_batch(recipe, self.speech, self.noise, self.weights, self.rng)
        loudness, gain = self._distances(given.to(self.team.device), wanted.to(self.team.device))
        rate = recipe.rate(self.step)
        set_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward([loudness + recipe.gain_weight * gain])
        self.team.average(p.grad for p in self.denoiser.parameters() if p.grad is not None)
        norm = float(torch.nn.utils.clip_grad_norm_(self.denoiser.parameters(), recipe.clip_norm))
        if not np.isfinite(norm):
            raise TrainingError(f"the gradient of step {self.step} is not finite")
        self.optimizer.step()
        self.step += 1
        return dict(zip(COLUMNS, (float(loudness.detach()), float(gain.detach()), norm, rate), strict=True))

    def _distances(self, given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Powers [B, bands, frames] -> squared errors of loudness in bands, each example's relative to its own, and of
        the gains' square roots, where there is something to take away."""
        denoiser, recipe = self.denoiser, self.recipe
        with torch.no_grad():
            means = [power.mean(dim=(1, 2), keepdim=True) for power in (given, wanted)]
            level = torch.maximum(means[1], NOISE_ALONE[0] ** 2 * means[0])
            floor = FLOOR * level + LEAST_FLOOR
            before, target = (_loudness(power + floor) for power in (given, wanted))
            strength = target.square().mean(dim=(1, 2)) + NOISE_ALONE[1] * before.square().mean(dim=(1, 2))
            right = ((wanted + 1e-3 * floor) / (given + 1e-3 * floor)).clamp(max=1).sqrt().sqrt()
            audible = given / (given + 1e-4 * level)
            whole = (wanted == given).flatten(1).all(dim=1)[:, None, None]
            lost = torch.where(whole, recipe.lost_whole, recipe.lost_voice)
            own, *rest = denoiser.network_state(len(given))
            looked, _ = denoiser.maps.seen(denoiser.loudness(given.transpose(1, 2)), own)
        with torch.autocast(looked.device.type, torch.bfloat16, enabled=halves_are_quick(looked)):
            gains, _ = denoiser.gains_of(looked, tuple(rest))
        lack = target - _loudness(given * torch.exp(2 * gains) + floor)
        loudness = (lack.square() * torch.where(lack > 0, lost, 1.0)).mean(dim=(1, 2)) / strength
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
            raise TrainingError(f"{self.checkpoint} is no denoiser's checkpoint: {misfit(error)}") from error
        self.rng = np.random.default_rng((self.recipe.seed, self.team.rank, self.step))


def _loudness(powers: Tensor) -> Tensor:
    return torch.exp(LOUDNESS_EXPONENT * torch.log(powers))  # what a CPU computes in a third of the time of a power


def denoiser_of(tensors: dict[str, Any]) -> dict[str, Any]:
    """A codec's tensors -> its denoiser's."""
    own = "denoiser."
    return {name.removeprefix(own): value for name, value in tensors.items() if name.startswith(own)}

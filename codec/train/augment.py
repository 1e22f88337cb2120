"""Training examples: what goes in, what should come out, and whether denoising is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.train.data import Clips

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Mixture:
    """How often each kind of example is drawn; the rest is clean speech with denoising off."""

    clean_denoised: float = 0.12  # clean speech, denoise on: must come out unharmed
    noisy_denoised: float = 0.18  # speech in noise, denoise on: the speech is wanted
    noisy: float = 0.12  # speech in noise, denoise off: all of it is wanted
    music: float = 0.05
    silence: float = 0.01  # digital zero
    reverb: float = 0.15  # of the speech
    babble: float = 0.2  # of the noise is another voice
    snr_db: tuple[float, float] = (-5.0, 30.0)
    level_dbfs: tuple[float, float] = (-42.0, -12.0)


@dataclass(frozen=True)
class Corpus:
    speech: Clips
    noise: Clips
    music: Clips
    rir: Clips


@dataclass(frozen=True)
class Batch:
    """source, target [B, samples]; denoise [B], 0 or 1."""

    source: Samples
    target: Samples
    denoise: Samples


def draw_batch(corpus: Corpus, mixture: Mixture, rng: np.random.Generator, size: int, length: int) -> Batch:
    """`size` examples of `length` samples."""
    examples = [draw_example(corpus, mixture, rng, length) for _ in range(size)]
    source, target, denoise = zip(*examples, strict=True)
    return Batch(np.stack(source), np.stack(target), np.array(denoise, dtype=np.float32))


def draw_example(
    corpus: Corpus, mixture: Mixture, rng: np.random.Generator, length: int
) -> tuple[Samples, Samples, float]:
    """-> source [length], target [length], denoise."""
    gain_db = rng.uniform(*mixture.level_dbfs)
    kinds = ("clean_denoised", "noisy_denoised", "noisy", "music", "silence")
    shares = [getattr(mixture, kind) for kind in kinds]
    kind = rng.choice((*kinds, "clean"), p=(*shares, 1 - sum(shares)))
    if kind == "silence":
        zero = np.zeros(length, dtype=np.float32)
        return zero, zero, float(rng.integers(2))
    if kind == "music":
        music = _at_level(corpus.music.cut(rng, length), gain_db)
        return music, music, 0.0
    speech = corpus.speech.cut(rng, length)
    if rng.random() < mixture.reverb:
        speech = reverberate(speech, corpus.rir, rng)
    if kind.startswith("clean"):
        speech = _at_level(speech, gain_db)
        return speech, speech, float(kind == "clean_denoised")
    noise = (corpus.speech if rng.random() < mixture.babble else corpus.noise).cut(rng, length)
    noisy = speech + noise * _noise_gain(speech, noise, rng.uniform(*mixture.snr_db))
    scale = _level_gain(noisy, gain_db)
    denoise = kind == "noisy_denoised"
    return noisy * scale, (speech if denoise else noisy) * scale, float(denoise)


def reverberate(speech: Samples, rir: Clips, rng: np.random.Generator) -> Samples:
    """Speech in a room, as long as before; the direct sound stays in place."""
    response = rir.clip(int(rng.integers(len(rir))))
    response = response[int(np.abs(response).argmax()) :]
    size = len(speech) + len(response) - 1
    wet = np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(response, size), size)
    return wet[: len(speech)].astype(np.float32)


def _rms(x: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def _level_gain(x: Samples, level_dbfs: float) -> np.float32:
    """The gain that brings x to an RMS of `level_dbfs`, as far as its peak stays below full scale."""
    gain = 10 ** (level_dbfs / 20) / max(_rms(x), 1e-4)
    return np.float32(min(gain, 0.99 / max(float(np.abs(x).max()), 1e-4)))


def _at_level(x: Samples, level_dbfs: float) -> Samples:
    return x * _level_gain(x, level_dbfs)


def _noise_gain(speech: Samples, noise: Samples, snr_db: float) -> np.float32:
    """The gain for `noise` that gives the signal-to-noise ratio; silence on either side counts as -60 dBFS."""
    return np.float32(max(_rms(speech), 1e-3) / max(_rms(noise), 1e-3) * 10 ** (-snr_db / 20))

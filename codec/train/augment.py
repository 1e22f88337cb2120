"""Training examples: what goes in, what should come out, and whether denoising is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.train.data import Clips

Samples = NDArray[np.float32]

EQUALISER_DB = 5.0
EQUALISER_BANDS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.33, 0.66, 1.0)  # fractions of the spectrum
NARROW_BAND = (0.28, 0.67)  # 3.4 to 8 kHz, of 12


@dataclass(frozen=True)
class Mixture:
    """How often each kind of example is drawn; the rest is clean speech with denoising off."""

    clean_denoised: float = 0.12  # clean speech, denoise on: must come out unharmed
    noisy_denoised: float = 0.18  # speech in noise, denoise on: the speech is wanted
    noisy: float = 0.12  # speech in noise, denoise off: all of it is wanted
    music: float = 0.05
    silence: float = 0.01  # digital zero
    reverb: float = 0.15  # of the speech
    chorus: float = 0.05  # of the speech is two voices, both wanted
    equalised: float = 0.3  # of the speech passed through a gently coloured microphone
    band_limited: float = 0.05  # of the speech came over a narrow band
    clipped: float = 0.03  # of the speech was too loud for its microphone
    babble: float = 0.2  # of the noise is another voice
    snr_db: tuple[float, float] = (-5.0, 30.0)
    level_dbfs: tuple[float, float] = (-42.0, -12.0)


@dataclass(frozen=True)
class Corpus:
    speech: Clips
    noise: Clips
    rir: Clips
    music: Clips | None = None


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
    if kind == "music" and corpus.music:
        music = _at_level(corpus.music.cut(rng, length), gain_db)
        return music, music, 0.0
    speech = _voice(corpus, mixture, rng, length)
    if kind.startswith("clean"):
        speech = _at_level(speech, gain_db)
        return speech, speech, float(kind == "clean_denoised")
    noise = (corpus.speech if rng.random() < mixture.babble else corpus.noise).cut(rng, length)
    noisy = speech + noise * _noise_gain(speech, noise, rng.uniform(*mixture.snr_db))
    scale = _level_gain(noisy, gain_db)
    denoise = kind == "noisy_denoised"
    return noisy * scale, (speech if denoise else noisy) * scale, float(denoise)


def _voice(corpus: Corpus, mixture: Mixture, rng: np.random.Generator, length: int) -> Samples:
    """Speech as a microphone may deliver it."""
    speech = corpus.speech.cut(rng, length)
    if rng.random() < mixture.chorus:
        other = corpus.speech.cut(rng, length)
        speech = speech + other * _noise_gain(speech, other, rng.uniform(-3.0, 10.0))
    if rng.random() < mixture.reverb:
        speech = reverberate(speech, corpus.rir, rng)
    if rng.random() < mixture.equalised:
        speech = equalise(speech, rng)
    if rng.random() < mixture.band_limited:
        speech = limit_band(speech, float(rng.uniform(*NARROW_BAND)))
    if rng.random() < mixture.clipped:
        peak = float(np.abs(speech).max())
        speech = np.clip(speech, -0.5 * peak, 0.5 * peak)
    return speech


def equalise(speech: Samples, rng: np.random.Generator) -> Samples:
    """A random smooth response within +-EQUALISER_DB, linear in dB between bands an octave or so apart."""
    spec = np.fft.rfft(speech)
    at = np.linspace(0, 1, len(spec))
    gains_db = rng.uniform(-EQUALISER_DB, EQUALISER_DB, len(EQUALISER_BANDS))
    response_db = np.interp(at, EQUALISER_BANDS, gains_db)
    return np.fft.irfft(spec * 10 ** (response_db / 20), len(speech)).astype(np.float32)


def limit_band(speech: Samples, fraction: float) -> Samples:
    """Only what is below `fraction` of the spectrum, with a soft edge."""
    spec = np.fft.rfft(speech)
    at = np.linspace(0, 1, len(spec))
    return np.fft.irfft(spec / (1 + (at / fraction) ** 24), len(speech)).astype(np.float32)


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

"""Training examples: sound as it may come to the codec, which should give it back as it is."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import soxr
from numpy.typing import NDArray

from codec.train.data import Clips

Samples = NDArray[np.float32]

EQUALISER_DB = 5.0
EQUALISER_BANDS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.33, 0.66, 1.0)  # fractions of the spectrum
SPEEDS = 0.85, 1.18
NARROW_BAND = (0.28, 0.67)  # 3.4 to 8 kHz, of 12


@dataclass(frozen=True)
class Mixture:
    """How often each kind of example is drawn; the rest is clean speech."""

    noisy: float = 0.2  # speech in noise: all of it is wanted
    music: float = 0.06
    silence: float = 0.01  # digital zero
    reverb: float = 0.15  # of the speech
    chorus: float = 0.05  # of the speech is two voices, both wanted
    at_other_speed: float = 0.0  # of the speech, pitch and all, as if more people spoke
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


def draw_batch(corpus: Corpus, mixture: Mixture, rng: np.random.Generator, size: int, length: int) -> Samples:
    """-> `size` examples of `length` samples."""
    return np.stack([draw_example(corpus, mixture, rng, length) for _ in range(size)])


def draw_example(corpus: Corpus, mixture: Mixture, rng: np.random.Generator, length: int) -> Samples:
    """-> [length]."""
    gain_db = rng.uniform(*mixture.level_dbfs)
    shares = (mixture.noisy, mixture.music, mixture.silence)
    kind = rng.choice(("noisy", "music", "silence", "clean"), p=(*shares, 1 - sum(shares)))
    if kind == "silence":
        return np.zeros(length, dtype=np.float32)
    if kind == "music" and corpus.music:
        return at_level(corpus.music.cut(rng, length), gain_db)
    speech = draw_voice(corpus, mixture, rng, length)
    if kind == "noisy":
        noise = (corpus.speech if rng.random() < mixture.babble else corpus.noise).cut(rng, length)
        speech = speech + noise * noise_gain(speech, noise, rng.uniform(*mixture.snr_db))
    return at_level(speech, gain_db)


def draw_voice(corpus: Corpus, mixture: Mixture, rng: np.random.Generator, length: int) -> Samples:
    """Speech as a microphone may deliver it."""
    speech = _draw_speech(corpus, mixture, rng, length)
    if rng.random() < mixture.chorus:
        other = _draw_speech(corpus, mixture, rng, length)
        speech = speech + other * noise_gain(speech, other, rng.uniform(-3.0, 10.0))
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


def _draw_speech(corpus: Corpus, mixture: Mixture, rng: np.random.Generator, length: int) -> Samples:
    """As it was recorded, or at another speed (speed perturbation, T. Ko et al., "Audio augmentation for speech
    recognition", 2015)."""
    if rng.random() >= mixture.at_other_speed:
        return corpus.speech.cut(rng, length)
    speed = float(rng.uniform(*SPEEDS))
    taken = corpus.speech.cut(rng, ceil(length * speed) + 1)
    return np.asarray(soxr.resample(taken, speed, 1.0)[:length], dtype=np.float32)


def equalise(sound: Samples, rng: np.random.Generator, most_db: float = EQUALISER_DB) -> Samples:
    """A random smooth response within +-most_db, linear in dB between bands an octave or so apart."""
    spec = np.fft.rfft(sound)
    at = np.linspace(0, 1, len(spec))
    gains_db = rng.uniform(-most_db, most_db, len(EQUALISER_BANDS))
    response_db = np.interp(at, EQUALISER_BANDS, gains_db)
    return np.fft.irfft(spec * 10 ** (response_db / 20), len(sound)).astype(np.float32)


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


def rms(x: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def _level_gain(x: Samples, level_dbfs: float) -> np.float32:
    """The gain that brings x to an RMS of `level_dbfs`, as far as its peak stays below full scale."""
    gain = 10 ** (level_dbfs / 20) / max(rms(x), 1e-4)
    return np.float32(min(gain, 0.99 / max(float(np.abs(x).max()), 1e-4)))


def at_level(x: Samples, level_dbfs: float) -> Samples:
    return x * _level_gain(x, level_dbfs)


def noise_gain(speech: Samples, noise: Samples, snr_db: float) -> np.float32:
    """The gain for `noise` that gives the signal-to-noise ratio; silence on either side counts as -60 dBFS."""
    return np.float32(max(rms(speech), 1e-3) / max(rms(noise), 1e-3) * 10 ** (-snr_db / 20))

"""What a microphone hears beside a voice: recordings, and noises made here, for recordings alone are too few to learn
from what noise is like."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from codec.audiofile import SAMPLE_RATE
from codec.train.augment import Corpus, Samples, equalise, noise_gain, reverberate, rms

Doubles = NDArray[np.float64]

LOUDNESS = 0.1  # RMS of what is made here
HIGHEST_HZ = 11_000.0


def draw_noise(corpus: Corpus, rng: np.random.Generator, length: int) -> Samples:
    """Noise of any level: one or up to three sources, recorded or made, some in a room, some backwards."""
    noise = _one_noise(corpus, rng, length)
    for _ in range(rng.choice(3, p=(0.5, 0.35, 0.15))):
        other = _one_noise(corpus, rng, length)
        noise = noise + other * noise_gain(noise, other, rng.uniform(-6.0, 12.0))
    return noise


def _one_noise(corpus: Corpus, rng: np.random.Generator, length: int) -> Samples:
    kind = rng.choice(("recorded", "made", "babble", "music"), p=(0.35, 0.5, 0.1, 0.05))
    if kind == "made":
        noise = _made(corpus, rng, length)
    elif kind == "babble":
        voices = [np.roll(corpus.speech.cut(rng, length), rng.integers(length)) for _ in range(rng.integers(3, 8))]
        gains = [noise_gain(voices[0], voice, rng.uniform(0.0, 6.0)) for voice in voices]
        noise = equalise(np.tensordot(gains, voices, 1).astype(np.float32), rng)
    elif kind == "music" and corpus.music:
        noise = equalise(corpus.music.cut(rng, length), rng, 10.0)
    else:
        noise = _recorded(corpus, rng, length)
    if rng.random() < 0.2:
        noise = noise[::-1].copy()
    return reverberate(noise, corpus.rir, rng) if rng.random() < 0.15 else noise


def _recorded(corpus: Corpus, rng: np.random.Generator, length: int) -> Samples:
    """At any speed."""
    speed = float(np.exp(rng.uniform(-0.5, 0.5))) if rng.random() < 0.6 else 1.0
    taken = corpus.noise.cut(rng, int(length * speed) + 2)
    whole = np.trim_zeros(taken, "b")
    if 0 < len(whole) < 0.9 * len(taken):  # a short one goes round
        taken = np.resize(whole, len(taken))
    return equalise(np.interp(np.arange(length) * speed, np.arange(len(taken)), taken).astype(np.float32), rng, 10.0)


def _made(corpus: Corpus, rng: np.random.Generator, length: int) -> Samples:
    kind = rng.choice(("coloured", "bands", "events", "tones", "hum", "texture"), p=(0.1, 0.25, 0.2, 0.1, 0.1, 0.25))
    noise = texture_of(_any_sound(corpus, rng, length), rng) if kind == "texture" else MADE[kind](rng, length)
    sound = equalise(noise.astype(np.float32), rng, 12.0)
    return sound * np.float32(LOUDNESS / max(rms(sound), 1e-6))


def _any_sound(corpus: Corpus, rng: np.random.Generator, length: int) -> Samples:
    clips = (corpus.noise, corpus.speech, corpus.music or corpus.noise)
    return clips[rng.choice(3, p=(0.5, 0.3, 0.2))].cut(rng, length)


def coloured(rng: np.random.Generator, length: int) -> Doubles:
    """White to red."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    return np.asarray(np.fft.irfft(spectrum * np.arange(1, len(spectrum) + 1) ** -rng.uniform(0.0, 1.3), length))


def swelling(rng: np.random.Generator, length: int) -> Doubles:
    """The same, louder and fainter as it goes: traffic, a crowd far away."""
    return coloured(rng, length) * _swell(rng, length, 15.0)


def swelling_bands(rng: np.random.Generator, length: int) -> Doubles:
    """Noise whose bands swell each by itself: wind, water."""
    edges = np.geomspace(60.0, HIGHEST_HZ, rng.integers(3, 9))
    whole, noise = coloured(rng, length), np.zeros(length)
    for low, high in pairwise(edges):
        noise += _band_of(whole, low, high) * _swell(rng, length, 25.0) * _decibels(rng.uniform(-10, 10))
    return noise


def events(rng: np.random.Generator, length: int) -> Doubles:
    """A few to thousands a second, each of which rings or rustles: rain, fire, typing, dishes."""
    count = rng.poisson(_between(rng, 3.0, 3000.0) * length / SAMPLE_RATE) + 1
    at = rng.integers(0, length, count)
    sizes = rng.standard_normal(count) * np.exp(rng.normal(0, rng.uniform(0.2, 1.2), count))
    noise = np.zeros(length)
    for _ in range(rng.integers(1, 4)):
        decay = int(SAMPLE_RATE * _between(rng, 0.0005, 0.05))
        time = np.arange(4 * decay)
        tone = np.sin(2 * np.pi * _between(rng, 150.0, 9000.0) * time / SAMPLE_RATE)
        ringing = np.exp(-time / decay) * (rng.standard_normal(len(time)) if rng.random() < 0.6 else tone)
        taken, hits = rng.random(count) < 0.6, np.zeros(length)
        np.add.at(hits, at[taken], sizes[taken])
        size, power = 2 * length, np.square(ringing).sum() + 1e-9
        rung = np.fft.irfft(np.fft.rfft(hits, size) * np.fft.rfft(ringing / np.sqrt(power), size), size)
        noise += rung[:length] * _decibels(rng.uniform(-10, 0))
    return noise


def tones(rng: np.random.Generator, length: int) -> Doubles:
    """Short tones that glide and come again: birds, alarms, brakes."""
    noise = coloured(rng, length) * 0.01 * _decibels(rng.uniform(-20, 10))
    for _ in range(rng.integers(1, 12)):
        size = int(SAMPLE_RATE * _between(rng, 0.03, 1.0))
        points = rng.integers(2, 6)
        glide = np.interp(np.linspace(0, points - 1, size), np.arange(points), rng.uniform(-0.5, 0.5, points))
        phase = 2 * np.pi * np.cumsum(_between(rng, 400.0, 8000.0) * np.exp(glide)) / SAMPLE_RATE
        shape = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** rng.uniform(0.2, 2.0)
        trill = 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(5, 60) * np.arange(size) / SAMPLE_RATE)
        tone = (np.sin(phase) + rng.uniform(0, 0.5) * np.sin(2 * phase)) * shape * trill
        first = rng.integers(0, max(1, length - size))
        for again in range(rng.integers(1, 6)):
            begin = first + again * int(size * rng.uniform(1.05, 3.0))
            if begin + size <= length:
                noise[begin : begin + size] += tone * _decibels(rng.uniform(-15, 0))
    return noise


def hum(rng: np.random.Generator, length: int) -> Doubles:
    """Harmonics of a pitch that drifts, and noise in their rhythm: engines, fans, mains."""
    pitch = _between(rng, 25.0, 400.0)
    steps = np.cumsum(rng.standard_normal(length // 256 + 2)).repeat(256)[:length]
    drift = 0.02 * rng.uniform(0, 3) * steps / np.sqrt(length / 256)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + drift)) / SAMPLE_RATE
    tilt, sound = rng.uniform(0.5, 2.0), np.zeros(length)
    for k in range(1, min(40, max(2, int(HIGHEST_HZ / pitch)))):
        sound += np.sin(k * phase + rng.uniform(0, 2 * np.pi)) * k**-tilt * _decibels(rng.uniform(-12, 0))
    noise = coloured(rng, length)
    strength = _decibels(rng.uniform(-15, 10)) * (1 + rng.uniform(0, 1) * np.sin(phase))
    return np.asarray(sound / sound.std() + noise / noise.std() * strength)


def texture_of(sound: Samples, rng: np.random.Generator) -> Doubles:
    """Noise with the spectrum of any sound, at times swelling as it does."""
    length = len(sound)
    powers = np.square(np.abs(np.fft.rfft(sound + 1e-5 * rng.standard_normal(length))))
    sizes = np.sqrt(_smooth(powers, int(_between(rng, 20.0, 600.0))))
    noise: Doubles = np.fft.irfft(sizes * np.exp(2j * np.pi * rng.random(len(sizes))), length)
    if rng.random() < 0.4:
        noise *= np.sqrt(_smooth(np.square(sound.astype(np.float64)), SAMPLE_RATE // 10) + 1e-8) ** rng.uniform(0.2, 1)
    return noise


MADE = {"coloured": swelling, "bands": swelling_bands, "events": events, "tones": tones, "hum": hum}


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Evenly on a scale of logarithms."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _decibels(level: float) -> float:
    return float(10 ** (level / 20))


def _swell(rng: np.random.Generator, length: int, most_db: float) -> Doubles:
    """Gains down to -`most_db`, that turn a third of a time to 12 times a second."""
    points = max(3, int(length / SAMPLE_RATE * _between(rng, 0.3, 12.0)) + 2)
    levels_db = rng.uniform(-rng.uniform(0, most_db), 0.0, points)
    return np.asarray(10 ** (np.interp(np.linspace(0, points - 1, length), np.arange(points), levels_db) / 20))


def _band_of(sound: Doubles, low: float, high: float) -> Doubles:
    """What lies between two frequencies, with edges a quarter of an octave wide."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE), 1.0))
    outside = np.maximum(np.log2(low) - octaves, 0) + np.maximum(octaves - np.log2(high), 0)
    return np.asarray(np.fft.irfft(np.fft.rfft(sound) / (1 + (4 * outside) ** 4), len(sound)))


def _smooth(values: Doubles, width: int) -> Doubles:
    """Means of `width` neighbours."""
    return np.maximum(np.convolve(values, np.ones(width) / width, "same"), 0)

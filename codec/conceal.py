"""What is played when a packet is missing: the last sound goes on, period by period, and fades into comfort noise.

The waveform is continued after ITU-T G.711, appendix I, but without its delay: the joint with the last sound is made
even by what the cycle lacks there. Against feeding the decoder network with the last codes: see docs/resilience.md.
"""

from __future__ import annotations

from collections import deque
from math import sqrt

import numpy as np

from codec.comfort import NEAR_FLOOR, ComfortNoise
from codec.engine.base import Pcm

HOLD_FRAMES = 1  # the last sound goes on as loud as it was
FADE_FRAMES = 5  # then it fades
CONCEALED_FRAMES = HOLD_FRAMES + FADE_FRAMES
RETURN_SAMPLES = 64  # of the fade into real sound
QUIET = 0.006  # RMS, about -44 dBFS: what is below, or near the floor, may be cut and stitched unheard

MIN_LAG = 60  # samples: 400 Hz at 24 kHz
MAX_LAG = 480  # 50 Hz
TEMPLATE = 480
SUBPERIOD = 0.85  # as alike as this share of the best: then a shorter period is the true one
EASE_SAMPLES = 48  # in which the joint is made even


class Concealment:
    """The sound around a gap, in frames of `hop` samples."""

    def __init__(self, hop: int, seed: int = 0) -> None:
        self.hop = hop
        self.quiet = True  # a frame more or less would not be heard, after what was played last
        self._noise = ComfortNoise(hop, seed)
        frames = max(2, -(-(MAX_LAG + TEMPLATE) // hop))
        self._heard = deque([np.zeros(hop, np.float32)] * frames, frames)
        self._going_on: PeriodicSound | None = None
        self._missing = 0
        self._within = np.arange(hop, dtype=np.float32) / hop
        self._into = (np.arange(RETURN_SAMPLES, dtype=np.float32) + 0.5) / RETURN_SAMPLES

    @property
    def audible(self) -> bool:
        """Whether the next missing frame still has some of the last sound in it."""
        return self._missing < CONCEALED_FRAMES

    def play(self, pcm: Pcm) -> Pcm:
        """A frame that came -> the same, faded in from the concealment if there was any."""
        if self._missing:
            pcm = pcm.copy()
            start = self._continued()[:RETURN_SAMPLES]
            pcm[:RETURN_SAMPLES] = pcm[:RETURN_SAMPLES] * self._into + start * (1 - self._into)
            self._missing = 0
        level = sqrt(np.dot(pcm, pcm) / self.hop)
        self._noise.observe(self._heard[-1], pcm, level)
        self._heard.append(pcm)
        self.quiet = level < max(QUIET, NEAR_FLOOR * self._noise.floor)
        return pcm

    def conceal(self) -> Pcm:
        """A frame in place of one that is missing."""
        if self._missing == 0:
            self._going_on = PeriodicSound(np.concatenate(self._heard))
        pcm = self._continued()
        self._missing += 1
        self.quiet = True
        self._heard.append(pcm)
        return pcm

    def silence(self) -> Pcm:
        """A frame of comfort noise, as the sender asks for where nobody speaks."""
        self._missing = CONCEALED_FRAMES
        return self.conceal()

    def _continued(self) -> Pcm:
        noise = self._noise.frame()
        if not self.audible or self._going_on is None:
            return noise
        gain = np.clip(1 - (self._missing + self._within - HOLD_FRAMES) / FADE_FRAMES, 0, 1)
        pcm = self._going_on.next(self.hop) * gain + noise * (1 - gain)
        return np.clip(pcm, -1, 1).astype(np.float32)


class PeriodicSound:
    """Goes on as `heard` [MAX_LAG + TEMPLATE or more] ends, by repeating its last period."""

    def __init__(self, heard: Pcm) -> None:
        lag = find_lag(heard[-MAX_LAG - TEMPLATE :])
        joint = max(8, lag // 4)
        weight = (np.arange(joint) + 0.5) / joint
        self._cycle = heard[-lag:].copy()
        self._cycle[-joint:] += weight * (heard[-lag - joint : -lag] - self._cycle[-joint:])
        step = heard[-1] - heard[-lag - 1]
        self._ease = step * (0.5 + 0.5 * np.cos(np.pi * (np.arange(EASE_SAMPLES) + 0.5) / EASE_SAMPLES))
        self._played = 0

    def next(self, samples: int) -> Pcm:
        """The next `samples` samples, EASE_SAMPLES or more."""
        pcm = self._cycle[(self._played + np.arange(samples)) % len(self._cycle)]
        if self._played == 0:
            pcm[:EASE_SAMPLES] += self._ease
        self._played += samples
        return pcm


def find_lag(heard: Pcm) -> int:
    """heard [MAX_LAG + TEMPLATE] -> how many samples before its end it sounded most alike: the period of a voice."""
    template = heard[-TEMPLATE:]
    products = np.correlate(heard[:-MIN_LAG], template)[::-1]  # by lag, from MIN_LAG on
    sums = np.concatenate([[0.0], np.cumsum(np.square(heard, dtype=np.float64))])
    energies = (sums[TEMPLATE:-MIN_LAG] - sums[: -TEMPLATE - MIN_LAG])[::-1]
    likeness = products / np.sqrt(energies * np.dot(template, template) + 1e-9)
    best = int(likeness.argmax())
    for parts in (4, 3, 2):
        first = round((best + MIN_LAG) / parts) - MIN_LAG - 3
        around = likeness[max(0, first) : first + 7] if first > -4 else likeness[:0]
        if len(around) and around.max() > SUBPERIOD * likeness[best]:
            return max(0, first) + int(around.argmax()) + MIN_LAG
    return best + MIN_LAG

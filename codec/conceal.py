"""What is played when a packet is missing: the last sound, fading, then comfort noise at the line's own floor."""

from __future__ import annotations

import numpy as np

from codec.engine.base import Pcm

FADE_FRAMES = 4  # how long the last sound is held, fading all the way
FLOOR_RISE = 1.01  # per frame: lets the floor estimate follow noise that grows, half as loud again in half a second
LOUDEST_FLOOR = 0.01  # comfort noise is never louder than -40 dBFS
QUIET = 0.006  # RMS, about -44 dBFS: what is below, or near the floor, may be cut and stitched unheard
SMOOTHING = 0.9  # of the noise, one pole: dull like a quiet room, not hiss


class Concealment:
    """The gains and the noise around a gap. Sound comes and goes in frames of `hop` samples."""

    def __init__(self, hop: int, seed: int = 0) -> None:
        self.hop = hop
        self._random = np.random.default_rng(seed)
        self._floor = LOUDEST_FLOOR / 10
        self.quiet = True  # the sound observed last
        self._ramp = np.linspace(0, 1, hop, endpoint=False, dtype=np.float32)
        self._kernel = (1 - SMOOTHING**2) ** 0.5 * SMOOTHING ** np.arange(64)
        self._tail = self._random.standard_normal(63)

    def observe(self, pcm: Pcm) -> None:
        """Follows the quietest level heard, which is the background."""
        level = float(np.sqrt(np.mean(np.square(pcm))))
        self._floor = min(max(level, 1e-5), self._floor * FLOOR_RISE, LOUDEST_FLOOR)
        self.quiet = level < max(QUIET, 2 * self._floor)

    def fading(self, pcm: Pcm, missing: int) -> Pcm:
        """The held sound of the `missing`-th missing frame (from 0), turning into noise."""
        gain = 1 - (missing + self._ramp) / FADE_FRAMES
        return (pcm * gain + self.noise() * (1 - gain)).astype(np.float32)

    def returning(self, pcm: Pcm, missing: int) -> Pcm:
        """The first frame after `missing` missing ones: sound again, cross-faded from where the fade had come."""
        start = max(0.0, 1 - missing / FADE_FRAMES)
        gain = start + (1 - start) * self._ramp
        return pcm * gain + self.noise() * (1 - gain)

    def noise(self) -> Pcm:
        """One frame of comfort noise."""
        white = np.concatenate([self._tail, self._random.standard_normal(self.hop)])
        self._tail = white[-63:]
        return (self._floor * np.convolve(white, self._kernel, mode="valid")).astype(np.float32)

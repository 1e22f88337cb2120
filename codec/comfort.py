"""Comfort noise: what the background sounded like, when nobody spoke."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec.engine.base import Pcm

FLOOR_RISE = 1.01  # per frame: lets the floor estimate follow noise that grows, half as loud again in half a second
LOUDEST_FLOOR = 0.01  # comfort noise is never louder than -40 dBFS
NEAR_FLOOR = 2.0  # what is no louder than so many floors is background
LEARNING = 0.1  # what one frame of background adds to the estimate
SMOOTHING = 0.9  # of the noise before any background was heard, one pole: dull like a quiet room, not hiss


class ComfortNoise:
    """Follows the level and the spectrum of the background, and gives out noise like it, frames of `hop` samples."""

    def __init__(self, hop: int, seed: int = 0) -> None:
        self.floor = LOUDEST_FLOOR / 10  # RMS of the quietest sound heard, rising slowly
        self._random = np.random.default_rng(seed)
        # Frames overlap by half; squared, the windows add up to 1, so that the noise is as loud at every sample.
        self._window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))
        self._tail = np.zeros(hop)
        frequencies = np.arange(hop + 1) * np.pi / hop
        dull = 1 / (1 - 2 * SMOOTHING * np.cos(frequencies) + SMOOTHING**2)
        self._power: NDArray[np.float64] = dull / dull.mean() * self.floor**2  # of each frequency, mean: of the whole

    def observe(self, before: Pcm, heard: Pcm, level: float) -> None:
        """heard [hop] is new and has this RMS; before [hop] is what came right before it."""
        self.floor = min(max(level, 1e-5), self.floor * FLOOR_RISE, LOUDEST_FLOOR)
        if level <= NEAR_FLOOR * self.floor:
            spectrum = np.abs(np.fft.rfft(np.concatenate([before, heard]) * self._window)) ** 2 / len(heard)
            self._power += LEARNING * (spectrum - self._power)

    def frame(self) -> Pcm:
        """The next frame of noise [hop]."""
        hop = len(self._tail)
        phases = np.exp(2j * np.pi * self._random.random(hop + 1))
        grain = np.fft.irfft(np.sqrt(2 * hop * self._power) * phases, 2 * hop) * self._window
        noise, self._tail = self._tail + grain[:hop], grain[hop:]
        peak = 3 * LOUDEST_FLOOR
        return np.clip(noise, -peak, peak).astype(np.float32)

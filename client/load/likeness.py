"""Where a sound stands in another one that went through a codec, and how sure that is.

A codec keeps neither the waveform nor the phases, so levels are compared: magnitudes in bands, compressed as loudness
is. The same speech is 0.70 alike and more, even at 0.75 kbit/s with 15 % of the frames lost; another speech, noise and
silence are 0.59 alike at most (docs/load-testing.md has the distributions).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from client.frame import CODEC, FULL_SCALE, Samples

STEPS = 5  # of the comparison in one frame
HOP = CODEC.hop // STEPS  # samples: 2.67 ms
WINDOW = 480
BANDS = 14
BAND_EDGES_HZ = (90.0, 4000.0)  # where speech has its energy, at any bitrate
FLOOR = 1e-3  # of full scale, as magnitude: how quiet a pause is does not matter

Levels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Place:
    """`offset` in samples from the beginning of what was said to that of what was heard; `likeness` -1..1."""

    offset: float
    likeness: float


def levels(pcm: Samples) -> Levels:
    """pcm [n] -> [n / HOP, BANDS], a row for each HOP samples from their beginning on."""
    sound = np.concatenate([pcm, np.zeros(WINDOW, np.int16)]).astype(np.float32) / FULL_SCALE
    rows = sliding_window_view(sound, WINDOW)[: len(pcm) // HOP * HOP : HOP]
    magnitudes = np.abs(np.fft.rfft(rows * _HANN, axis=1)).astype(np.float32)
    compressed: Levels = (magnitudes @ _FILTERS + FLOOR) ** np.float32(0.3)
    return compressed


def find(heard: Levels, said: Levels) -> Place:
    """Where `heard` [m, BANDS] stands in `said` [n, BANDS], n >= m: the place of the best correlation.

    A sound without ups and downs is nowhere: its likeness is 0.
    """
    length = len(heard)
    centred = heard - heard.mean(axis=0)
    energy = float(np.square(centred).sum())
    size = 1 << (len(said) + length - 1).bit_length()
    spectra = np.fft.rfft(said, size, axis=0) * np.conj(np.fft.rfft(centred, size, axis=0))
    products = np.fft.irfft(spectra.sum(axis=1), size)[: len(said) - length + 1]
    variances = _variances(said, length)
    likeness = products / np.sqrt(np.maximum(energy * variances, 1e-9))
    if energy < _LEAST_ENERGY * length:
        return Place(0.0, 0.0)
    likeness[variances < _LEAST_ENERGY * length] = 0.0
    best = int(np.argmax(likeness))
    return Place((best + _peak(likeness, best)) * HOP, float(likeness[best]))


def varies(rows: Levels) -> bool:
    """Whether there are ups and downs enough to be found again."""
    return float(rows.var(axis=0).sum()) >= _LEAST_ENERGY


def _variances(said: Levels, length: int) -> NDArray[np.float64]:
    """Energy of each window of `length` rows about its own mean, summed over bands."""
    wide = said.astype(np.float64)
    sums = np.concatenate([np.zeros((1, BANDS)), np.cumsum(wide, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum(np.square(wide).sum(axis=1))])
    total = sums[length:] - sums[:-length]
    variances: NDArray[np.float64] = squares[length:] - squares[:-length] - np.square(total).sum(axis=1) / length
    return variances


def _peak(values: NDArray[np.float64], best: int) -> float:
    """How far the top of the parabola through the best value and its neighbours lies from it, -0.5..0.5."""
    if not 0 < best < len(values) - 1:
        return 0.0
    before, top, after = values[best - 1 : best + 2]
    bend = before - 2 * top + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


def _filters() -> NDArray[np.float32]:
    """[WINDOW / 2 + 1, BANDS]: triangles, evenly spaced on the mel scale; each sums to the same."""
    low, high = (2595 * log10(1 + edge_hz / 700) for edge_hz in BAND_EDGES_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    bins = np.arange(WINDOW // 2 + 1) * CODEC.sample_rate / WINDOW
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rise, fall))
    filters: NDArray[np.float32] = (triangles / triangles.sum(axis=0) / WINDOW).astype(np.float32)
    return filters


_HANN = np.hanning(WINDOW).astype(np.float32)
_FILTERS = _filters()
_LEAST_ENERGY = 5e-4

"""How alike two sounds are, when one comes late, and not always equally late."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pystoi import stoi
from scipy.signal import correlate, stft

Sound = NDArray[np.float32]
Floats = NDArray[np.float32]

_HOP = 48  # samples: alignment to 2 ms, finer than anything that STOI notices
_WINDOW = 512
_PIECE = 125  # hops: a quarter of a second has one lag
_DRIFT = 150  # hops: no piece lags 0.3 s more or less than the whole does
_JUMP_COST = 0.15  # of likeness, which is 1 at best: what a change of the lag must gain
_HOP_COST = 0.001
_LEVEL_FLOOR = 1e-5  # -50 dBFS, in power: how quiet a pause is does not matter


def lag_of(sound: Sound, reference: Sound) -> int:
    """How many samples later the reference stands in the sound, by their spectra: a codec does not keep phases."""
    return _lag_hops(_spectrum(sound), _spectrum(reference)) * _HOP


def aligned(sound: Sound, reference: Sound) -> Sound:
    """What stands in the sound for the reference, as long as that, with zeros where the sound has no more.

    It is put together from pieces with lags of their own, the likeliest way through all of them: on a busy machine the
    playout delay grows and shrinks in mid-call.
    """
    late, early = _spectrum(sound), _spectrum(reference)
    lag = _lag_hops(late, early)
    starts = range(0, early.shape[1] - _PIECE + 1, _PIECE)
    likeness = np.array([_likeness(late, early[:, start : start + _PIECE], start + lag) for start in starts])
    lags = [lag + step - _DRIFT for step in _best_way(likeness)]
    ends = [start * _HOP for start in starts[1:]] + [len(reference)]
    pieces = zip(starts, lags, ends, strict=True)
    return np.concatenate([_cut(sound, (start + lag) * _HOP, end - start * _HOP) for start, lag, end in pieces])


def intelligibility(sound: Sound, reference: Sound, sample_rate: int) -> float:
    """STOI of the sound, aligned, against the reference: 0 nothing, 1 everything."""
    return float(stoi(reference, aligned(sound, reference), sample_rate))


def envelope_correlation(sound: Sound, reference: Sound) -> float:
    """How alike loudness runs in both, aligned: the correlation of their levels in pieces of 20 ms."""
    piece = 480
    length = len(reference) // piece * piece
    powers = [
        np.mean(np.square(part[:length].reshape(-1, piece)), axis=1) + _LEVEL_FLOOR
        for part in (aligned(sound, reference), reference)
    ]
    return float(np.corrcoef(np.log(powers[0]), np.log(powers[1]))[0, 1])


def _spectrum(sound: Sound) -> Floats:
    """[bands, hops] of magnitudes, compressed, without each band's mean."""
    _, _, spectrum = stft(sound, nperseg=_WINDOW, noverlap=_WINDOW - _HOP)
    compressed = np.abs(spectrum) ** 0.3
    return (compressed - compressed.mean(axis=1, keepdims=True)).astype(np.float32)


def _lag_hops(late: Floats, early: Floats) -> int:
    likeness = sum(correlate(a, b, mode="full", method="fft") for a, b in zip(late, early, strict=True))
    return int(np.argmax(likeness)) - (early.shape[1] - 1)


def _likeness(late: Floats, piece: Floats, start: int) -> Floats:
    """[2 drift + 1] correlations of the piece with what stands up to a drift before and after `start`."""
    around = np.stack([_cut(band, start - _DRIFT, _PIECE + 2 * _DRIFT) for band in late])
    products = sum(correlate(a, b, mode="valid", method="fft") for a, b in zip(around, piece, strict=True))
    energies = sliding_window_view(np.square(around).sum(axis=0), _PIECE).sum(axis=1)
    return (products / np.sqrt(energies * np.square(piece).sum() + 1e-6)).astype(np.float32)


def _best_way(likeness: Floats) -> list[int]:
    """likeness [pieces, lags] -> the lag of each piece: alike, and seldom another than before."""
    lags = np.arange(likeness.shape[1])
    change = np.abs(lags[:, None] - lags)
    cost = np.where(change, _JUMP_COST + _HOP_COST * change, 0)
    total, before = likeness[0], []
    for row in likeness[1:]:
        ways = total - cost
        before.append(ways.argmax(axis=1))
        total = row + ways.max(axis=1)
    way = [int(total.argmax())]
    for step in reversed(before):
        way.append(int(step[way[-1]]))
    return way[::-1]


def _cut(values: Floats, start: int, length: int) -> Floats:
    """A part of the values; beyond their ends there are zeros."""
    part = values[max(0, start) : max(0, start + length)]
    before = np.zeros(min(length, max(0, -start)), np.float32)
    return np.concatenate([before, part, np.zeros(length - len(before) - len(part), np.float32)])

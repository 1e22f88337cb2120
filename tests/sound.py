"""How alike two sounds are, when one comes late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pystoi import stoi
from scipy.signal import correlate, stft

Sound = NDArray[np.float32]
_HOP = 48  # samples: alignment to 2 ms, finer than anything that STOI notices
_WINDOW = 512
_PIECE, _DRIFT = 12_000, 1_920  # samples: pieces of half a second, each up to six frames from where it should be
LEVEL_FLOOR = 1e-5  # -50 dBFS, in power: how quiet a pause is does not matter


def lag_of(sound: Sound, reference: Sound) -> int:
    """How many samples later the reference stands in the sound, by their spectra: a codec does not keep phases."""
    late, early = _spectrum(sound), _spectrum(reference)
    likeness = sum(correlate(a, b, mode="full", method="fft") for a, b in zip(late, early, strict=True))
    return (int(np.argmax(likeness)) - (early.shape[1] - 1)) * _HOP


def aligned(sound: Sound, reference: Sound) -> Sound:
    """What stands in the sound for the reference, as long as that, with zeros where the sound has no more.

    It is put together from pieces, each searched near where the one before was: in a call on a busy machine the playout
    delay changes by some frames, which nobody hears as a change of the words.
    """
    lag = lag_of(sound, reference)
    found = []
    for start in range(0, len(reference), _PIECE):
        piece = reference[start : start + _PIECE]
        near = _cut(sound, start + lag - _DRIFT, len(piece) + 2 * _DRIFT)
        if len(piece) >= _WINDOW and np.mean(np.square(piece)) > LEVEL_FLOOR < np.mean(np.square(near)):
            lag += min(max(lag_of(near, piece), 0), 2 * _DRIFT) - _DRIFT
        found.append(_cut(sound, start + lag, len(piece)))
    return np.concatenate(found)


def _cut(sound: Sound, start: int, length: int) -> Sound:
    """A part of the sound; beyond its ends there are zeros."""
    part = sound[max(0, start) : max(0, start + length)]
    before = np.zeros(min(length, max(0, -start)), np.float32)
    return np.concatenate([before, part, np.zeros(length - len(before) - len(part), np.float32)])


def intelligibility(sound: Sound, reference: Sound, sample_rate: int) -> float:
    """STOI of the sound, aligned, against the reference: 0 nothing, 1 everything."""
    return float(stoi(reference, aligned(sound, reference), sample_rate))


def envelope_correlation(sound: Sound, reference: Sound) -> float:
    """How alike loudness runs in both, aligned: the correlation of their levels in pieces of 20 ms."""
    piece = 480
    length = len(reference) // piece * piece
    levels = [
        np.sqrt(np.mean(np.square(part[:length].reshape(-1, piece)), axis=1) + LEVEL_FLOOR)
        for part in (aligned(sound, reference), reference)
    ]
    return float(np.corrcoef(np.log(levels[0]), np.log(levels[1]))[0, 1])


def _spectrum(sound: Sound) -> NDArray[np.float32]:
    """[bands, pieces] of magnitudes, compressed, without each band's mean."""
    _, _, spectrum = stft(sound, nperseg=_WINDOW, noverlap=_WINDOW - _HOP)
    compressed = np.abs(spectrum) ** 0.3
    return (compressed - compressed.mean(axis=1, keepdims=True)).astype(np.float32)

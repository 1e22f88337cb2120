"""An original and what a codec made of it, lined up, at the rate that a metric wants."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from codec.audiofile import SAMPLE_RATE

Sound = NDArray[np.float64]

MAX_DELAY_SECONDS = 0.25
_TINY_POWER = 1e-12


class Pair:
    """Both sounds without the constant delay between them, cut to what they have in common; the level stays."""

    def __init__(self, reference: NDArray[np.floating], degraded: NDArray[np.floating]) -> None:
        """Both [samples] at the codec's sample rate."""
        self.delay = delay_of(reference, degraded)
        reference, degraded = reference[max(-self.delay, 0) :], degraded[max(self.delay, 0) :]
        length = min(len(reference), len(degraded))
        self.reference = np.asarray(reference[:length], np.float64)
        self.degraded = np.asarray(degraded[:length], np.float64)
        self._resampled: dict[tuple[int, int], tuple[Sound, Sound]] = {}

    @property
    def delay_ms(self) -> float:
        return 1000 * self.delay / SAMPLE_RATE

    @property
    def gain_db(self) -> float:
        """How much louder the degraded sound is."""
        powers = [float(np.mean(np.square(sound))) + _TINY_POWER for sound in (self.degraded, self.reference)]
        return float(10 * np.log10(powers[0] / powers[1]))

    def at(self, sample_rate: int, through: int = SAMPLE_RATE) -> tuple[Sound, Sound]:
        """reference, degraded [samples] at `sample_rate`; both limited first to what the rate `through` can carry."""
        key = (sample_rate, through)
        if key not in self._resampled:
            reference, degraded = (self.reference, self.degraded) if through == SAMPLE_RATE else self.at(through)
            self._resampled[key] = (
                soxr.resample(reference, through, sample_rate, quality="VHQ"),
                soxr.resample(degraded, through, sample_rate, quality="VHQ"),
            )
        return self._resampled[key]


def delay_of(reference: NDArray[np.floating], degraded: NDArray[np.floating]) -> int:
    """Samples that `degraded` comes later than `reference`, at most a quarter of a second either way."""
    size = 1 << (len(reference) + len(degraded) - 2).bit_length()
    spectrum = np.fft.rfft(degraded, size) * np.conj(np.fft.rfft(reference, size))
    likeness = np.fft.irfft(spectrum, size)
    reach = min(int(SAMPLE_RATE * MAX_DELAY_SECONDS), len(reference) - 1, len(degraded) - 1)
    around = np.concatenate([likeness[size - reach :], likeness[: reach + 1]])
    return int(np.argmax(around)) - reach


def lined_up(reference: NDArray[np.float32], degraded: NDArray[np.float32]) -> NDArray[np.float32]:
    """The degraded sound without its delay, as long as the reference: who switches hears the same word."""
    delay = delay_of(reference, degraded)
    moved = np.pad(degraded, (max(-delay, 0), 0))[max(delay, 0) :][: len(reference)]
    return np.pad(moved, (0, len(reference) - len(moved)))

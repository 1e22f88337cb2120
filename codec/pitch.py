"""How the pitch of a decoder's sound is found and used (docs/decisions/0018). numpy only: every engine is built from
these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec.config import CodecConfig

DECIMATION = 4  # the period is looked for at 6 kHz, in what is below CUTOFF_HZ: that is coded best
CUTOFF_HZ = 1100.0
LOWPASS_TAPS = 24
WINDOW = 100  # decimated samples, 16.7 ms, that are compared with those a lag before
LEAST_LAG, MOST_LAG = 12, 100  # decimated samples: 500 to 60 Hz
SUBPERIOD = 0.88  # a peak as high as this share of the highest: of these, the shortest lag is the period
WEAK, STRONG = 0.6, 1.0  # correlations at which the filter begins to act, and acts in full
MOST_SHARES = 0.4, 0.3  # of the last period in the sound: with few quantizers, with many (CodecConfig.by_n_q)
FADE = 64  # samples in which one frame's lag and share take over from the last one's
FAINTEST = 1e-12  # added to a product of two energies: silence has no pitch


def history(config: CodecConfig) -> int:
    """Samples before a frame that its filter sees."""
    return (WINDOW + MOST_LAG - 1) * DECIMATION + LOWPASS_TAPS - config.hop


def most_shares(config: CodecConfig) -> NDArray[np.float32]:
    """The most of the last period that there may be in the sound, by number of quantizers from 1 up [quantizers]."""
    return np.array(config.by_n_q(*MOST_SHARES), dtype=np.float32)


def lowpass(config: CodecConfig) -> NDArray[np.float32]:
    """A windowed sinc of gain 1, [LOWPASS_TAPS]."""
    time = np.arange(LOWPASS_TAPS) - (LOWPASS_TAPS - 1) / 2
    taps: NDArray[np.float64] = np.sinc(2 * CUTOFF_HZ / config.sample_rate * time) * np.hamming(LOWPASS_TAPS)
    return np.asarray(taps / taps.sum(), dtype=np.float32)

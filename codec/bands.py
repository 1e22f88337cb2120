"""The bands whose levels go over the line beside what is learned, and the matrices that measuring and restoring them
take (docs/decisions/0017). numpy only: every engine is built from these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec.config import CodecConfig

WINDOW, STEP = 128, 64  # samples: powers are means over all windows that end in the frame
TAPS = 96  # of the equalizer's filter
FADE = 64  # samples in which one frame's filter takes over from the last one's
SPECTRUM = 512  # points of the discrete spectra in which filters are built
LOUDNESS_EXPONENT = 0.15  # of a power, on the line: what is faint gets coarse steps, as in the ear (|X|^0.3)
LEAST_POWER = 1e-9  # -100 dBFS in a band: below, the exponent's slope would be endless
INAUDIBLE = 6e-7  # a power, -72 dBFS, that two sounds may differ by before a filter is built for it
EMPHASIS = 0.4  # of what a band has more than those around it, in log power, is added when sound is made
EMPHASIS_REACH = 4  # bands to either side, those further away counting less
MOST_GAIN = 2.3  # nepers, 20 dB: what is not there cannot be raised from rounding errors

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def shares(config: CodecConfig, frequency: Doubles) -> Doubles:
    """What part of each of `bands` bands a frequency, in Hz, is -> [bands, frequencies]. Triangles around centers even
    on the mel scale (2595 log10(1 + f/700)); the last goes on to half the sample rate."""

    def mel(hertz: Doubles) -> Doubles:
        scaled: Doubles = 2595 * np.log10(1 + hertz / 700)
        return scaled

    low, high = mel(np.array([config.band_from_hz, config.band_to_hz]))
    centers = np.linspace(low, high, config.bands)
    away = (mel(frequency) - centers[:, None]) / (centers[1] - centers[0])
    away[-1] = np.minimum(away[-1], 0)
    part: Doubles = np.maximum(1 - np.abs(away), 0)
    return part


def _bins(config: CodecConfig, size: int) -> Doubles:
    return np.asarray(np.arange(size // 2 + 1) * (config.sample_rate / size), dtype=np.float64)


def analysis_weights(config: CodecConfig) -> tuple[Floats, Floats]:
    """What measuring takes: windowed cosines and sines [2 * bins, WINDOW] of the bins in any band, cosines first; and
    how much of each bin's power, summed over a frame's windows, is each band's [bands, bins]."""
    time = np.arange(WINDOW)
    part = shares(config, _bins(config, WINDOW))
    used = np.flatnonzero(part.sum(axis=0))
    angle = 2 * np.pi * used[:, None] * time / WINDOW
    taper = np.sin(np.pi * time / WINDOW)  # its square is a Hann window
    waves = np.concatenate([np.cos(angle), -np.sin(angle)]) * taper
    return waves.astype(np.float32), (part[:, used] * STEP / config.hop).astype(np.float32)


def emphasis_weights(config: CodecConfig) -> Floats:
    """From log powers to those that formants shall be made with [bands, bands] (docs/decisions/0019): peaks higher,
    valleys lower. Beyond the first and last band it goes on as there; the last one, which reaches far above all
    formants, stays as it is."""
    bands, reach = np.arange(config.bands), np.arange(-EMPHASIS_REACH, EMPHASIS_REACH + 1)
    near = EMPHASIS_REACH + 1 - np.abs(reach)
    around = np.zeros((config.bands, config.bands))
    for offset, weight in zip(reach, near / near.sum(), strict=True):
        around[bands, np.clip(bands + offset, 0, config.bands - 1)] += weight
    around[-1] = np.eye(config.bands)[-1]
    return (np.eye(config.bands) + EMPHASIS * (np.eye(config.bands) - around)).astype(np.float32)


def cepstrum_weights(config: CodecConfig) -> Floats:
    """From log gains [bands] to the cepstrum of the minimum-phase filter that has them (A. V. Oppenheim, R. W. Schafer,
    Discrete-Time Signal Processing, on the complex cepstrum): [TAPS, bands]."""
    even = np.fft.irfft(shares(config, _bins(config, SPECTRUM)), SPECTRUM)
    even[:, 1:TAPS] *= 2
    return np.ascontiguousarray(even[:, :TAPS].T, dtype=np.float32)

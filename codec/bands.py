"""Bands of frequencies: those whose levels go over the line beside what is learned (docs/decisions/0017), those in
which noise is taken away (0020), and the matrices that measuring and filtering take. numpy only: every engine is built
from these."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from codec.config import CodecConfig
from codec.highband import HIGH_PARTS

WINDOW, STEP = 128, 64  # samples: powers are means over all windows that end in the frame
TAPS = 96  # of the equalizer's filter
SPECTRUM = 512  # points of the discrete spectra in which it is built
FADE = 64  # samples in which a frame's filter, of any kind, takes over from the last one's
LOUDNESS_EXPONENT = 0.15  # of a power, on the line: what is faint gets coarse steps, as in the ear (|X|^0.3)
LEAST_POWER = 1e-9  # -100 dBFS in a band: below, the exponent's slope would be endless
INAUDIBLE = 6e-7  # a power, -72 dBFS, that two sounds may differ by before a filter is built for it
# Of what a band has more than those around it, in log power, is added when sound is made: with few quantizers, with
# many (CodecConfig.by_n_q).
EMPHASES = 0.6, 0.35
EMPHASIS_REACH = 4  # bands to either side, those further away counting less
MOST_GAIN = 2.3  # nepers, 20 dB: what is not there cannot be raised from rounding errors

DENOISE_WINDOW = 512  # samples that end with the frame; they fade out in the last DENOISE_FALL
DENOISE_FALL = 128
DENOISE_FFT = 512  # points of the spectrum that is looked at
DENOISE_TAPS = 256  # of the filter
DENOISE_SPECTRUM = 1024  # points of the discrete spectra in which it is built
DENOISE_MOST = 7.0  # nepers, 61 dB, that are taken away
DENOISE_LEAST_POWER = 1e-9
DENOISE_CENTER, DENOISE_UNIT = -9.0, 4.0  # of the natural logarithms of powers that the network sees
DENOISE_MEANS = (0.5, 2.0, 0.3, 2.0)  # seconds of a band's running means of loudness
DENOISE_HARMONIC = 2  # of them, the first ones, are harmonic means of powers: near the faintest of late
DENOISE_START = -1.25  # a loudness that means begin with
DENOISE_ABOVE = -2.0, 3.0  # what is looked at of how far loudness is above them
DENOISE_FAINTEST = 1e-6  # beside a harmonic mean's inverse, which begins at 0

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Bands:
    """Triangles around `count` centers even on the mel scale (2595 log10(1 + f/700)); the last band goes on to half the
    sample rate, the first one down to 0 Hz if it is `whole`."""

    count: int
    from_hz: float
    to_hz: float
    sample_rate: int
    whole: bool = False

    @property
    def step_mel(self) -> float:
        """From center to center."""
        low, high = _mel(np.array([self.from_hz, self.to_hz]))
        return float(high - low) / (self.count - 1)

    def longer(self, more: int) -> Bands:
        """With so many bands more, as wide as these; the last one goes on from there."""
        to_mel = float(_mel(np.array(self.to_hz))) + more * self.step_mel
        return replace(self, count=self.count + more, to_hz=700 * (10 ** (to_mel / 2595) - 1))

    def shares(self, frequency: Doubles) -> Doubles:
        """What part of each band a frequency, in Hz, is -> [count, frequencies]."""
        low, high = _mel(np.array([self.from_hz, self.to_hz]))
        centers = np.linspace(low, high, self.count)
        away = (_mel(frequency) - centers[:, None]) / (centers[1] - centers[0])
        away[-1] = np.minimum(away[-1], 0)
        if self.whole:
            away[0] = np.maximum(away[0], 0)
        part: Doubles = np.maximum(1 - np.abs(away), 0)
        return part

    def shares_of_bins(self, size: int) -> Doubles:
        """The same for a spectrum of `size` points -> [count, size / 2 + 1]."""
        return self.shares(np.asarray(np.arange(size // 2 + 1) * (self.sample_rate / size), dtype=np.float64))

    def cepstrum_weights(self, taps: int, size: int) -> Floats:
        """From log gains [count] to the cepstrum of the minimum-phase filter that has them (A. V. Oppenheim, R. W.
        Schafer, Discrete-Time Signal Processing, on the complex cepstrum), by spectra of `size` points:
        [taps, count]."""
        even = np.fft.irfft(self.shares_of_bins(size), size)
        even[:, 1:taps] *= 2
        return np.ascontiguousarray(even[:, :taps].T, dtype=np.float32)


def _mel(hertz: Doubles) -> Doubles:
    scaled: Doubles = 2595 * np.log10(1 + hertz / 700)
    return scaled


def level_bands(config: CodecConfig) -> Bands:
    """Those whose levels go over the line."""
    return Bands(config.bands, config.band_from_hz, config.band_to_hz, config.sample_rate)


def equalizer_bands(config: CodecConfig) -> Bands:
    """The same, but in place of the last one, which reaches to half the sample rate, HIGH_PARTS as wide as the
    others."""
    return level_bands(config).longer(HIGH_PARTS - 1)


def analysis_weights(config: CodecConfig) -> tuple[Floats, Floats]:
    """What measuring takes: windowed cosines and sines [2 * bins, WINDOW] of the bins in any band, cosines first; and
    how much of each bin's power, summed over a frame's windows, is each band's of the equalizer [bands, bins]."""
    time = np.arange(WINDOW)
    part = equalizer_bands(config).shares_of_bins(WINDOW)
    used = np.flatnonzero(part.sum(axis=0))
    angle = 2 * np.pi * used[:, None] * time / WINDOW
    taper = np.sin(np.pi * time / WINDOW)  # its square is a Hann window
    waves = np.concatenate([np.cos(angle), -np.sin(angle)]) * taper
    return waves.astype(np.float32), (part[:, used] * STEP / config.hop).astype(np.float32)


def emphasis_weights(config: CodecConfig) -> Floats:
    """From log powers to what each has more than those around it [bands, bands] (docs/decisions/0019). Beyond the first
    and last band it goes on as there; the last one, which reaches far above all formants, has nothing more."""
    bands, reach = np.arange(config.bands), np.arange(-EMPHASIS_REACH, EMPHASIS_REACH + 1)
    near = EMPHASIS_REACH + 1 - np.abs(reach)
    around = np.zeros((config.bands, config.bands))
    for offset, weight in zip(reach, near / near.sum(), strict=True):
        around[bands, np.clip(bands + offset, 0, config.bands - 1)] += weight
    around[-1] = np.eye(config.bands)[-1]
    return (np.eye(config.bands) - around).astype(np.float32)


def emphases(config: CodecConfig) -> Floats:
    """How much of that is added, by number of quantizers from 1 up [quantizers] (docs/decisions/0028): the fewer codes
    there are, the more they blur formants."""
    return np.array(config.by_n_q(*EMPHASES), dtype=np.float32)


def denoise_bands(config: CodecConfig) -> Bands:
    """Those in which noise is taken away."""
    return Bands(config.denoise_bands, 50.0, 11_000.0, config.sample_rate, whole=True)


def denoise_decays(config: CodecConfig) -> Doubles:
    """What of each running mean is left after a frame [means]."""
    return np.asarray(np.exp(-1 / (config.frame_rate * np.array(DENOISE_MEANS))))


def denoise_weights(config: CodecConfig) -> tuple[Floats, Floats]:
    """What looking at a sound takes: a window [DENOISE_WINDOW] that weighs what came last, and means of a spectrum's
    powers in bands, without the constant part [bands, DENOISE_FFT / 2 + 1]."""
    rise, fall = (np.arange(size) + 0.5 for size in (DENOISE_WINDOW - DENOISE_FALL, DENOISE_FALL))
    window = np.concatenate([np.sin(np.pi / 2 * rise / len(rise)), np.cos(np.pi / 2 * fall / len(fall))])
    part = denoise_bands(config).shares_of_bins(DENOISE_FFT)
    part[:, 0] = 0
    window /= np.sqrt(np.square(window).sum())
    return window.astype(np.float32), (part / part.sum(axis=1, keepdims=True)).astype(np.float32)

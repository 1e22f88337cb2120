"""Bands of frequencies: those whose levels go over the line beside what is learned (docs/decisions/0017), those in
which noise is taken away (0020), and the matrices that measuring and filtering take. numpy only: every engine is built
from these."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from codec.config import CodecConfig
from codec.highband import HIGH_PARTS, HIGH_STEP_MEL

WINDOW = 512  # samples that end with the frame, whose levels are measured; they fade out in the last FALL
FALL = 64
TAPS = 192  # of the equalizer's filter
PASSES = 2  # of the equalizer, each measuring what the one before made (docs/decisions/0032)
SPECTRUM = 1024  # points of the discrete spectra in which it is built
FADE = 64  # samples in which a frame's filter, of any kind, takes over from the last one's
LOUDNESS_EXPONENT = 0.15  # of a power, on the line: what is faint gets coarse steps, as in the ear (|X|^0.3)
LEAST_POWER = 2.5e-13  # a mean square in a band, -126 dBFS: below, the exponent's slope would be endless
INAUDIBLE = 1.5e-10  # -98 dBFS in a band: two sounds may differ by it before a filter is built for it
# Of what a band has more than those around it, in log power, is added when sound is made: with few quantizers, with
# many (CodecConfig.by_n_q).
EMPHASES = 0.6, 0.35
EMPHASIS_REACH = 7  # bands to either side, those further away counting less
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
    """Triangles around centers on the mel scale (2595 log10(1 + f/700)), each from the center before to the one after;
    the last band goes on to half the sample rate, the first one down to 0 Hz if it is `whole`, or else as steeply as it
    falls."""

    centers_mel: tuple[float, ...]
    sample_rate: int
    whole: bool = False

    @classmethod
    def even(cls, count: int, from_hz: float, to_hz: float, sample_rate: int, whole: bool = False) -> Bands:
        """So many, their centers evenly spaced."""
        low, high = _mel(np.array([from_hz, to_hz]))
        return cls(tuple(np.linspace(low, high, count).tolist()), sample_rate, whole)

    @property
    def count(self) -> int:
        return len(self.centers_mel)

    def longer(self, more: int, step_mel: float) -> Bands:
        """With so many bands more, so far apart; the last of them goes on from there."""
        last = self.centers_mel[-1]
        above = (last + step_mel * (1 + index) for index in range(more))
        return replace(self, centers_mel=(*self.centers_mel, *above))

    def shares(self, frequency: Doubles) -> Doubles:
        """What part of each band a frequency, in Hz, is -> [count, frequencies]."""
        centers = np.array(self.centers_mel)
        below = 2 * centers[0] - centers[1]  # where the first band begins
        mel, corners = _mel(frequency), np.array([below, *centers])
        heights = np.eye(len(corners))[1:]
        if self.whole:
            heights[0, 0] = 1
        return np.array([np.interp(mel, corners, height) for height in heights])

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
    return Bands.even(config.bands, config.band_from_hz, config.band_to_hz, config.sample_rate)


def equalizer_bands(config: CodecConfig) -> Bands:
    """The same, but in place of the last one, which reaches to half the sample rate, HIGH_PARTS."""
    return level_bands(config).longer(HIGH_PARTS - 1, HIGH_STEP_MEL)


def analysis_weights(config: CodecConfig) -> tuple[Floats, Floats]:
    """What measuring takes: a window [WINDOW] that weighs what came last, and how much of each bin's power is each
    band's of the equalizer [bands, WINDOW / 2 + 1]: together they are the mean square in the band."""
    window = _window(WINDOW, FALL)
    window *= np.sqrt(2 / WINDOW / np.square(window).sum())
    return window.astype(np.float32), equalizer_bands(config).shares_of_bins(WINDOW).astype(np.float32)


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
    return Bands.even(config.denoise_bands, 50.0, 11_000.0, config.sample_rate, whole=True)


def denoise_decays(config: CodecConfig) -> Doubles:
    """What of each running mean is left after a frame [means]."""
    return np.asarray(np.exp(-1 / (config.frame_rate * np.array(DENOISE_MEANS))))


def denoise_weights(config: CodecConfig) -> tuple[Floats, Floats]:
    """What looking at a sound takes: a window [DENOISE_WINDOW] that weighs what came last, and means of a spectrum's
    powers in bands, without the constant part [bands, DENOISE_FFT / 2 + 1]."""
    window = _window(DENOISE_WINDOW, DENOISE_FALL)
    part = denoise_bands(config).shares_of_bins(DENOISE_FFT)
    part[:, 0] = 0
    window /= np.sqrt(np.square(window).sum())
    return window.astype(np.float32), (part / part.sum(axis=1, keepdims=True)).astype(np.float32)


def _window(size: int, fall: int) -> Doubles:
    """Rises by a quarter of a sine up to its last `fall` samples, in which it falls by a quarter of a cosine [size]."""
    up, down = ((np.arange(count) + 0.5) / count for count in (size - fall, fall))
    return np.concatenate([np.sin(np.pi / 2 * up), np.cos(np.pi / 2 * down)])

"""What one frame costs at the least: multiply-adds, and weights that must be read."""

from __future__ import annotations

from dataclasses import dataclass

from codec.bands import DENOISE_FFT, DENOISE_MEANS, DENOISE_TAPS, FADE, PASSES, TAPS, analysis_weights, equalizer_bands
from codec.config import CodecConfig, search_paths
from codec.pitch import LOWPASS_TAPS, MOST_LAG
from codec.pitch import WINDOW as PITCH_WINDOW

WEIGHT_BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
NUMBERS_PER_BYTE = 2  # of codebooks, in every precision: so coarse a scan leaves few entries that may be nearest


@dataclass(frozen=True, slots=True)
class Work:
    """`multiply_adds` of one frame; `weights` that are read for it, each counted once however often it is used."""

    multiply_adds: int = 0
    weights: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.multiply_adds + other.multiply_adds, self.weights + other.weights)


def _convolution(channels: int, outputs: int, kernel: int, rows: int) -> Work:
    """`rows` of output a frame; biases are left out."""
    return Work(channels * outputs * kernel * rows, channels * outputs * kernel)


def _unit(config: CodecConfig, width: int, rows: int) -> Work:
    hidden = width // 2
    return _convolution(width, hidden, config.kernel, rows) + _convolution(hidden, width, 1, rows)


def _measuring(config: CodecConfig) -> Work:
    """Powers in bands but for the transform before them. What all models share is no weight of one."""
    return Work(analysis_weights(config)[1].size)


def denoiser_work(config: CodecConfig) -> Work:
    """Powers in bands but for the transform before them, running means and maps of each, the network, and the filter,
    and the last one where it fades. A frame with denoising off has none of it."""
    bands, maps, width, means = config.denoise_bands, config.denoise_maps, config.denoise_channels, len(DENOISE_MEANS)
    work = Work(bands * (DENOISE_FFT // 2 + 1) + bands * means)
    for inputs in (1 + means, *[maps] * len(config.denoise_map_dilations)):
        work += _convolution(inputs, maps, 9, bands)
    work += _convolution(maps, config.denoise_maps_told + 1, 1, bands)
    work += _convolution(bands * (1 + config.denoise_maps_told), width, config.embedding_kernel, 1)
    for _ in config.denoise_dilations:
        work += _unit(config, width, 1)
    work += Work(bands * DENOISE_TAPS + DENOISE_TAPS * (config.hop + FADE))
    return work + _convolution(width, bands, 1, 1)


def encoder_work(config: CodecConfig) -> Work:
    """The network up to the projected embedding."""
    rows, width = config.hop, config.channels
    work = _convolution(1, width, config.kernel, rows)
    for stride in config.strides:
        for _ in config.dilations:
            work += _unit(config, width, rows)
        rows //= stride
        work += _convolution(width, 2 * width, 2 * stride, rows)
        width *= 2
    work += _convolution(width, config.dimension, config.embedding_kernel, rows)
    work += _measuring(config)
    return work + _convolution(config.dimension, config.projected, 1, rows)


def search_work(config: CodecConfig, n_q: int) -> Work:
    """Each stage compares what each path leaves with every entry of its codebook; the first has one path."""
    entries = config.codebook_size * config.code_dimension
    return Work((1 + (n_q - 1) * search_paths(n_q)) * entries, n_q * entries)


def decoder_work(config: CodecConfig) -> Work:
    """From the projected embedding on, finding the pitch, and the passes of the equalizer with their filters, and
    with the last ones' where they fade, too."""
    rows, width = 1, config.channels << len(config.strides)
    work = _convolution(config.code_dimension, config.dimension, 1, rows)
    work += _convolution(config.dimension, width, config.kernel, rows)
    for stride in reversed(config.strides):
        width //= 2
        # A transposed convolution: each row of input makes 2 * stride rows, which overlap by half.
        work += _convolution(2 * width, width, 2 * stride, rows)
        rows *= stride
        for _ in config.dilations:
            work += _unit(config, width, rows)
    work += _convolution(config.bands, config.level_hidden, config.kernel, 1)
    work += _convolution(config.level_hidden, config.bands, 1, 1)
    work += Work((PITCH_WINDOW + MOST_LAG) * LOWPASS_TAPS + (MOST_LAG + 1) * PITCH_WINDOW)
    work += Work(config.bands * config.bands)
    for _ in range(PASSES):
        work += _measuring(config) + Work(equalizer_bands(config).count * TAPS + TAPS * (config.hop + FADE))
    return work + _convolution(width, 1, config.kernel, rows)


def step_work(config: CodecConfig, n_q: int) -> Work:
    """Encoder, search and decoder, denoising off."""
    return encoder_work(config) + search_work(config, n_q) + decoder_work(config)


def step_bytes(config: CodecConfig, n_q: int, precision: str) -> int:
    """Of weights and codebooks that a step must read, denoising off."""
    networks = encoder_work(config) + decoder_work(config)
    return networks.weights * WEIGHT_BYTES[precision] + search_work(config, n_q).weights // NUMBERS_PER_BYTE

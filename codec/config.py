"""The codec's one set of facts; everything else derives from it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

# The encoder's search for codes looks through a codebook once for each path that it keeps, about so many times a frame.
SEARCH_SCANS = 64
MOST_SEARCH_PATHS = 16
# What a decoder does to its network's sound depends on how many quantizers a frame has (docs/decisions/0028): it is the
# same up to few and from many on (12 kbit/s, entropy-coded), linear between them.
FEW_QUANTIZERS, MANY_QUANTIZERS = 5, 18


class BitrateError(ValueError):
    """A bitrate that no number of quantizers gives."""


def search_paths(n_q: int) -> int:
    """So many paths through n_q codebooks are kept from one to the next (the M-algorithm): where codebooks are few,
    each choice matters more and more paths cost no more. One is the paper's greedy search; decoders need not know."""
    return min(MOST_SEARCH_PATHS, max(1, SEARCH_SCANS // n_q))


@dataclass(frozen=True)
class CodecConfig:
    """A SoundStream (arXiv 2107.03312, section III).

    `channels` is the paper's C, `dimension` its D; the residual units have a bottleneck of half their width,
    which gives the paper's parameter counts; the denoiser in front (codec/denoiser.py) is ours. An embedding is
    `dimension` learned numbers and levels in `bands` (codec/levels.py); quantized are `code_dimension` numbers: the
    levels, and the others projected to what these leave.
    """

    preset: str = "base"
    sample_rate: int = 24_000
    strides: tuple[int, ...] = (2, 4, 5, 8)
    channels: int = 16
    dimension: int = 256
    code_dimension: int = 64
    bands: int = 36
    band_from_hz: float = 1000.0
    band_to_hz: float = 8500.0
    level_hidden: int = 64  # width of the network that corrects levels
    denoise_bands: int = 48
    denoise_maps: int = 16
    denoise_map_dilations: tuple[int, ...] = (1, 2, 4, 1, 2)
    denoise_maps_told: int = 4  # mixtures of the maps that the network of all bands is told
    denoise_channels: int = 128
    denoise_dilations: tuple[int, ...] = (1, 3, 9, 27, 1, 3, 9)
    dilations: tuple[int, ...] = (1, 3, 9)
    kernel: int = 7
    embedding_kernel: int = 3
    quantizers: int = 24
    codebook_bits: int = 10
    denoise_ramp_frames: int = 8

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return prod(self.strides)

    @property
    def projected(self) -> int:
        """Numbers that the learned part of an embedding is projected to."""
        return self.code_dimension - self.bands

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop

    @property
    def frame_ms(self) -> float:
        return 1000 / self.frame_rate

    @property
    def codebook_size(self) -> int:
        return 1 << self.codebook_bits

    @property
    def quantizer_bps(self) -> float:
        """Bits per second that one quantizer costs."""
        return self.frame_rate * self.codebook_bits

    @property
    def bitrates_kbps(self) -> tuple[float, ...]:
        """Every bitrate there is, kbit/s, by number of quantizers from 1 up."""
        return tuple(self.bitrate_kbps(n_q) for n_q in range(1, self.quantizers + 1))

    def by_n_q(self, few: float, many: float) -> tuple[float, ...]:
        """What is one number for few quantizers and another for many, by number of quantizers from 1 up."""
        span = MANY_QUANTIZERS - FEW_QUANTIZERS
        progress = [min(max(n_q - FEW_QUANTIZERS, 0), span) / span for n_q in range(1, self.quantizers + 1)]
        return tuple(few + (many - few) * part for part in progress)

    def bitrate_kbps(self, n_q: int) -> float:
        return n_q * self.quantizer_bps / 1000

    def n_q(self, bitrate_kbps: float) -> int:
        """The number of quantizers for a bitrate in kbit/s. Raises BitrateError, which names the valid ones."""
        n_q = bitrate_kbps * 1000 / self.quantizer_bps
        if not (1 <= n_q <= self.quantizers and float(n_q).is_integer()):
            valid = ", ".join(f"{rate:g}" for rate in self.bitrates_kbps)
            raise BitrateError(f"bitrate {bitrate_kbps:g} kbit/s is not one of {valid}")
        return int(n_q)


PRESETS = {
    "base": CodecConfig(),
    "large": CodecConfig(preset="large", channels=32, code_dimension=80),
}

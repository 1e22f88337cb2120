"""Networks that learn to tell coded sound from real sound.

Each is named by what it looks at. `stft:1024`: spectra with a window of 1024 samples (several: arXiv 2210.13438,
section 3.4; one alone: arXiv 2107.03312). `stft:1024:5`: five frequency bands of them, a network each (arXiv
2306.06546, section 3.3). `wave:2`: the waveform at half the rate (arXiv 2107.03312, section III-D).
`period:5`: every fifth sample of it (arXiv 2010.05646, section 2.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from codec.train.errors import TrainingError
from codec.train.losses import compressed, inaudible, spectrum

LEAK = 0.1
LEAST_LEVEL = 0.01  # an RMS of -40 dBFS: what is quieter stays quieter
BAND_EDGES = {1: (0.0, 1.0), 3: (0.0, 0.15, 0.4, 1.0), 5: (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)}  # fractions of the spectrum

Judgement = tuple[Tensor, list[Tensor]]  # logits of any shape with B first, and the activations of each layer


class BandDiscriminator(nn.Module):
    """Two-dimensional convolutions over a stretch of spectrum; frequency halves from layer to layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers = [nn.Conv2d(before, channels, (3, 9), (1, 2), (1, 4)) for before in (2, channels, channels, channels)]
        self.layers = nn.ModuleList(map(weight_norm, [*layers, nn.Conv2d(channels, channels, 3, padding=1)]))
        self.verdict = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, x: Tensor) -> Judgement:
        """x [B, 2, frames, bins] -> logits, activations."""
        x, seen = x.contiguous(memory_format=torch.channels_last), []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), LEAK)
            seen.append(x)
        return self.verdict(x), seen


class StftDiscriminator(nn.Module):
    """Looks at complex spectra, their magnitudes compressed as the ear does, in one or more bands."""

    def __init__(self, channels: int, window: int, bands: int = 1) -> None:
        super().__init__()
        self.window = window
        edges = [round(edge * (window // 2 + 1)) for edge in BAND_EDGES[bands]]
        self.slices = [slice(*pair) for pair in pairwise(edges)]
        self.bands = nn.ModuleList(BandDiscriminator(channels) for _ in self.slices)

    def forward(self, x: Tensor, level: Tensor) -> list[Judgement]:
        """x [B, samples], the level [B, 1, 1] at which it should be -> a judgement of each band."""
        spec = compressed(spectrum(x, self.window), inaudible(level))
        planes = torch.stack([spec.real, spec.imag], dim=1).transpose(2, 3)
        bands = cast(Iterable[BandDiscriminator], self.bands)
        return [band(planes[..., part]) for band, part in zip(bands, self.slices, strict=True)]


class WaveDiscriminator(nn.Module):
    """Grouped, strided convolutions over the waveform at a fraction of its rate."""

    def __init__(self, channels: int, decimation: int) -> None:
        super().__init__()
        self.decimation = decimation
        widths = [channels, 4 * channels, 16 * channels, 16 * channels]
        layers: list[nn.Module] = [nn.Conv1d(1, channels, 15, padding=7)]
        for before, after in pairwise(widths):
            groups = before // 4
            layers.append(nn.Conv1d(before, after, 41, stride=4, padding=20, groups=groups))
        layers.append(nn.Conv1d(widths[-1], widths[-1], 5, padding=2))
        self.layers = nn.ModuleList(map(weight_norm, layers))
        self.verdict = weight_norm(nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, x: Tensor, level: Tensor) -> list[Judgement]:
        """x [B, samples], level [B, 1, 1] as above -> one judgement."""
        y = x[:, None] / (level + LEAST_LEVEL)
        y = F.avg_pool1d(y, self.decimation)
        seen = []
        for layer in self.layers:
            y = F.leaky_relu(layer(y), LEAK)
            seen.append(y)
        return [(self.verdict(y), seen)]


class PeriodDiscriminator(nn.Module):
    """Looks at every n-th sample of the waveform: at what repeats, as the pulses of a voice do."""

    def __init__(self, channels: int, period: int) -> None:
        super().__init__()
        self.period = period
        widths = [1, channels, 2 * channels, 4 * channels, 8 * channels]
        layers = [nn.Conv2d(before, after, (5, 1), (3, 1), (2, 0)) for before, after in pairwise(widths)]
        layers.append(nn.Conv2d(widths[-1], widths[-1], (5, 1), padding=(2, 0)))
        self.layers = nn.ModuleList(map(weight_norm, layers))
        self.verdict = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, x: Tensor, level: Tensor) -> list[Judgement]:
        """x [B, samples], level [B, 1, 1] as above -> one judgement."""
        y = x[:, None] / (level + LEAST_LEVEL)
        y = y[..., : y.shape[-1] // self.period * self.period].reshape(len(y), 1, -1, self.period)
        y, seen = y.contiguous(memory_format=torch.channels_last), []
        for layer in self.layers:
            y = F.leaky_relu(layer(y), LEAK)
            seen.append(y)
        return [(self.verdict(y), seen)]


class Discriminators(nn.Module):
    """All of a run's."""

    def __init__(self, names: tuple[str, ...], channels: int) -> None:
        super().__init__()
        self.all = nn.ModuleList(discriminator(name, channels) for name in names)

    def forward(self, x: Tensor, level: Tensor) -> list[Judgement]:
        """x [B, samples], the level [B, 1, 1] of the real sound -> every judgement."""
        return [judgement for one in self.all for judgement in one(x, level)]


def discriminator(name: str, channels: int) -> nn.Module:
    """By name, as above. Raises TrainingError."""
    kind, *numbers = name.split(":")
    try:
        first, *rest = map(int, numbers)
        if kind == "stft" and first >= 128 and first & (first - 1) == 0 and (not rest or rest[0] in BAND_EDGES):
            return StftDiscriminator(channels, first, *rest)
        if kind == "wave" and first >= 1 and not rest:
            return WaveDiscriminator(channels, first)
        if kind == "period" and first >= 2 and not rest:
            return PeriodDiscriminator(channels, first)
    except (ValueError, TypeError):
        pass
    windows = f"a window is a power of two from 128 on, bands are {' or '.join(map(str, BAND_EDGES))}"
    known = f"stft:WINDOW[:BANDS], wave:DECIMATION or period:SAMPLES ({windows})"
    raise TrainingError(f"discriminator {name!r} is not {known}")

"""Reconstruction losses between waveforms."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

# Magnitudes are floored 44 dB below the example's own level, or else pauses and inaudible overtones, where logarithms
# are steepest, get all the gradient; and at -100 dBFS in any case, or else quiet examples would.
FLOOR_BELOW_LEVEL = 0.006
LEAST_FLOOR = 1e-5
LEAST_LEVEL = 0.003  # an RMS of -50 dBFS: quieter examples count no more than this
LEAST_SHARE = 0.03  # of the mean gradient: what is less, as of a silence met, is not blown up to a whole one
COMPRESSION = 0.3  # the ear's loudness exponent, used on spectra by speech enhancement
PHASE_LIMIT_HZ = 4000  # about where the ear stops following phase; above, it would only push the sound towards zero


@cache
def mel_filterbank(sample_rate: int, window: int, bands: int, device: torch.device) -> Tensor:
    """Triangles evenly spaced on the mel scale (2595 log10(1 + f/700)), area-normalised; [window / 2 + 1, bands]."""
    top = 2595 * torch.log10(torch.tensor(1 + sample_rate / 2 / 700, dtype=torch.float64))
    edges = 700 * (10 ** (torch.linspace(0, float(top), bands + 2, dtype=torch.float64) / 2595) - 1)
    frequency = torch.arange(window // 2 + 1, dtype=torch.float64) * sample_rate / window
    # A triangle narrower than a bin would catch none: it is widened to the bin distance.
    width = torch.diff(edges).clamp(min=sample_rate / window)
    rise = 1 - (edges[1:-1] - frequency[:, None]) / width[:-1]
    fall = 1 - (frequency[:, None] - edges[1:-1]) / width[1:]
    bank = torch.minimum(rise, fall).clamp(min=0)
    return (bank / bank.sum(dim=0).clamp(min=1e-9)).float().to(device)


@cache
def _window(size: int, device: torch.device) -> Tensor:
    return torch.hann_window(size, device=device)


def spectrum(x: Tensor, window: int) -> Tensor:
    """x [B, samples] -> complex [B, window / 2 + 1, frames], hop a quarter; a full-scale sine gives about 1/2."""
    taper = _window(window, x.device)
    spec = torch.stft(x, window, window // 4, window=taper, center=True, pad_mode="constant", return_complex=True)
    return spec / taper.sum()


def power(spec: Tensor) -> Tensor:
    return spec.real.square() + spec.imag.square()


def loudness(x: Tensor) -> Tensor:
    """RMS of each example x [B, samples] -> [B, 1, 1]."""
    return x.square().mean(dim=1).sqrt()[:, None, None]


def inaudible(level: Tensor) -> Tensor:
    """The power below which a bin's content counts as nothing, for an RMS of `level`."""
    return (FLOOR_BELOW_LEVEL * level).clamp(min=LEAST_FLOOR).square()


def compressed(spec: Tensor, floor: Tensor) -> Tensor:
    """|X|^0.3 e^(j phase), linear below the floor (a power)."""
    return spec * (power(spec) + floor) ** ((COMPRESSION - 1) / 2)


class ReconstructionLoss:
    """Distances between two sounds, each for its own fault.

    `mel`: multi-scale log-mel (arXiv 2107.03312, equation 5, its log term, as L1): timbre and loudness.
    `complex`: magnitude-compressed complex spectra below 4 kHz: phase too, or short training stays hoarse.
    `wave`: samples: the strong low partials, which find their phase by it first.
    """

    def __init__(
        self,
        sample_rate: int,
        mel_windows: tuple[int, ...] = (128, 256, 512, 1024, 2048),
        complex_windows: tuple[int, ...] = (256, 1024),
    ) -> None:
        self.sample_rate = sample_rate
        self.mel_windows, self.complex_windows = mel_windows, complex_windows

    def __call__(self, target: Tensor, output: Tensor) -> dict[str, Tensor]:
        """target, output [B, samples] -> the distances by name, each a scalar."""
        mel, phase = target.new_zeros(()), target.new_zeros(())
        floor = inaudible(loudness(target))
        for window in sorted({*self.mel_windows, *self.complex_windows}):
            with torch.no_grad():
                wanted = spectrum(target, window)
            given = spectrum(output, window)
            if window in self.mel_windows:
                mel = mel + self._mel_distance(wanted, given, floor, window) / len(self.mel_windows)
            if window in self.complex_windows:
                heard = slice(0, round(PHASE_LIMIT_HZ / self.sample_rate * window) + 1)
                distance = _compressed_distance(wanted[:, heard], given[:, heard], floor)
                phase = phase + distance / len(self.complex_windows)
        wave = (target - output).abs().mean() / (target.abs().mean() + 1e-3)
        return {"mel": mel, "complex": phase, "wave": wave}

    def _mel_distance(self, wanted: Tensor, given: Tensor, floor: Tensor, window: int) -> Tensor:
        bank = mel_filterbank(self.sample_rate, window, min(64, window // 4), wanted.device)
        logs = [torch.log((power(spec) + floor).sqrt().transpose(1, 2) @ bank) for spec in (wanted, given)]
        return (logs[0] - logs[1]).abs().mean()


def balanced_gradient(losses: dict[str, Tensor], weights: dict[str, float], output: Tensor) -> Tensor:
    """The gradient of the losses at `output` [B, samples], each brought to the norm that is its weight (the balancer of
    arXiv 2210.13438, section 3.4, with the batch's own norms): neither a loud batch nor a steep loss takes over. Nor
    does one example: within a loss, each gets a norm of one over the root of its level."""
    total = torch.zeros_like(output)
    level = loudness(output.detach())[:, 0].clamp(min=LEAST_LEVEL)
    for name, loss in losses.items():
        (gradient,) = torch.autograd.grad(loss, output, retain_graph=True)
        norm = gradient.norm(dim=1, keepdim=True)
        gradient = gradient / (norm.clamp(min=LEAST_SHARE * float(norm.mean()) + 1e-12) * level.sqrt())
        total += gradient * (weights[name] / gradient.norm().clamp(min=1e-12))
    return total


def _compressed_distance(wanted: Tensor, given: Tensor, floor: Tensor) -> Tensor:
    """Mean squared distance of compressed spectra, relative to the batch's mean so that levels don't matter."""
    scaled = [compressed(spec, floor) for spec in (wanted, given)]
    return power(scaled[0] - scaled[1]).mean() / (power(scaled[0]).mean() + 1e-3)

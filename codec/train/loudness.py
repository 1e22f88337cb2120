"""How far apart two sounds are in loudness, as the ear makes it of them: what is inaudible or masked does not count,
and what is added disturbs more than what lacks.

The perceptual model is that of ITU-T P.862, sections 10.2.2 to 10.2.8, without its alignment in time and its
compensation of gains and filters, which would forgive a codec its faults; and up to 9 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

WINDOW, HOP = 768, 256  # 32 ms, as in P.862, at 24 kHz
LOWEST_HZ, HIGHEST_HZ, BANDS = 80.0, 9000.0, 44
LEVEL_DB = 73.0  # the sound pressure at which every example is listened to
LEAST_POWER = 1e-7  # an example quieter than -70 dBFS is listened to as if it had that
ZWICKER = 0.23  # the exponent of loudness
MASKED = 0.25  # of the lesser loudness: a difference up to here is not heard
ADDED_OFFSET, ADDED_EXPONENT, ADDED_FROM, ADDED_TO = 50.0, 1.2, 3.0, 12.0  # how what is added counts, and from where on
ADDED_SHARE = 0.3  # P.862 takes 0.0309 of the asymmetric distance for 0.1 of the symmetric one
SCALE = 0.1
SMOOTH = 1e-2  # where the root of the symmetric distance begins, so that its gradient stays finite


@dataclass(frozen=True)
class Ear:
    """bank [bins, bands] gathers powers into bands of equal width on the Bark scale; threshold [bands] in quiet, as a
    power; the width of a band in Bark."""

    bank: Tensor
    threshold: Tensor
    width: float
    taper: Tensor


def bark(hertz: Tensor) -> Tensor:
    """Schroeder's approximation of the Bark scale (Wang, Sekey, Gersho 1992)."""
    return 6 * torch.asinh(hertz / 600)


@cache
def ear(sample_rate: int, device: torch.device) -> Ear:
    bins = torch.arange(WINDOW // 2 + 1) * sample_rate / WINDOW
    low, high = (bark((bins + side * sample_rate / WINDOW / 2).clamp(min=0)) for side in (-1, 1))
    lowest, highest = bark(torch.tensor([LOWEST_HZ, HIGHEST_HZ]))
    edges = torch.linspace(float(lowest), float(highest), BANDS + 1)
    shared = torch.minimum(high[:, None], edges[1:]) - torch.maximum(low[:, None], edges[:-1])
    bank = shared.clamp(min=0) / (high - low)[:, None]
    kilohertz = 0.6 * torch.sinh((edges[1:] + edges[:-1]) / 12)
    # The threshold in quiet, dB of sound pressure: Terhardt 1979.
    quiet_db = 3.64 * kilohertz**-0.8 - 6.5 * torch.exp(-0.6 * (kilohertz - 3.3) ** 2) + 1e-3 * kilohertz**4
    taper = torch.hann_window(WINDOW)
    return Ear(bank.to(device), 10 ** (quiet_db / 10).to(device), float(edges[1] - edges[0]), taper.to(device))


def loudness_distance(target: Tensor, output: Tensor, sample_rate: int) -> Tensor:
    """target, output [B, samples] -> how much the difference in loudness disturbs, a scalar; 0 for equal sounds."""
    here = ear(sample_rate, target.device)
    to_pressure = 10 ** (LEVEL_DB / 10) / target.square().mean(dim=1).clamp(min=LEAST_POWER)
    wanted, given = (_band_power(x, here) * to_pressure[:, None, None] for x in (target, output))
    before, after = (_zwicker(power, here.threshold) for power in (wanted, given))
    masked = MASKED * torch.minimum(before, after).detach().clamp(min=0)
    heard = ((after - before).abs() - masked).clamp(min=0)
    ratio = ((given + ADDED_OFFSET) / (wanted + ADDED_OFFSET)) ** ADDED_EXPONENT
    added = torch.where(ratio < ADDED_FROM, 0.0, ratio.clamp(max=ADDED_TO)).detach()
    symmetric = ((heard.square() * here.width).sum(dim=2) + SMOOTH**2).sqrt() - SMOOTH
    asymmetric = (heard * added * here.width).sum(dim=2)
    return SCALE * (symmetric + ADDED_SHARE * asymmetric).mean()


def _band_power(x: Tensor, here: Ear) -> Tensor:
    """x [B, samples] -> [B, frames, bands]; the bands of a sound sum up to about its mean square."""
    spec = torch.stft(x, WINDOW, HOP, window=here.taper, center=True, pad_mode="constant", return_complex=True)
    power = (spec.real.square() + spec.imag.square()) * 2 / (WINDOW * here.taper.square().sum())
    return power.transpose(1, 2) @ here.bank


def _zwicker(power: Tensor, threshold: Tensor) -> Tensor:
    """Loudness of a band's power; what is below the threshold has a little less than none, which keeps a gradient."""
    return (2 * threshold) ** ZWICKER * ((0.5 + 0.5 * power / threshold) ** ZWICKER - 1)

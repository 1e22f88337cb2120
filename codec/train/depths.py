"""How many quantizers each frame of an example gets: quantizer dropout (arXiv 2107.03312, section III-C), moved from
frame to frame as the rate control moves it in calls."""

from __future__ import annotations

from math import log

import numpy as np
import torch
from torch import Tensor

from codec.config import CodecConfig
from codec.ratecontrol import (
    FAINTEST_POWER,
    HIGHEST_PIVOT_DBFS,
    LOWEST_PIVOT_DBFS,
    PEAK,
    QUANTIZERS_PER_DB,
)

FAVOURED = {4: 0.3, 8: 0.3, 12: 0.2, 16: 0.1, 24: 0.1}  # how often each of the depths that half of the examples have
CONSTANT = 0.25  # of the examples have as many for each frame, as .tl files do
ASTRAY_DB = 3.0  # by which a pivot is off, as it follows what was spent in the seconds before
SEARCH = 12  # halvings of the pivots' range: to a 68th of a decibel


def draw_depths(target: Tensor, config: CodecConfig, rng: np.random.Generator) -> Tensor:
    """Examples [B, samples] -> quantizers of each frame [B, T], from 1 to all that there are.

    Nominal depths are even on a scale of logarithms but for the favoured ones: 3 kbit/s has the most to gain.
    """
    size = len(target)
    evenly = np.exp(rng.uniform(0, log(config.quantizers + 0.49), size)).round()
    favoured = rng.choice(list(FAVOURED), size, p=list(FAVOURED.values()))
    nominal = np.where(rng.random(size) < 0.5, favoured, evenly).clip(1, config.quantizers)
    constant, astray = rng.random(size) < CONSTANT, rng.normal(0, ASTRAY_DB, size)
    n_q, stray = (torch.from_numpy(values).float().to(target.device)[:, None] for values in (nominal, astray))
    power = target.reshape(size, -1, config.hop).square().mean(dim=2)
    level_dbfs = 10 * torch.log10(power + FAINTEST_POWER)
    depths = _controlled(level_dbfs, n_q, stray, config.quantizers)
    return torch.where(torch.from_numpy(constant).to(target.device)[:, None], n_q, depths)


def _controlled(level_dbfs: Tensor, n_q: Tensor, stray: Tensor, most: int) -> Tensor:
    """Levels [B, T], nominal depths and pivots' errors [B, 1] -> depths [B, T] by the rule of codec/ratecontrol.py, the
    pivot where an example's mean is its nominal depth, but for the error."""
    low, high = torch.full_like(n_q, LOWEST_PIVOT_DBFS), torch.full_like(n_q, HIGHEST_PIVOT_DBFS)
    peak = (PEAK * n_q).clamp(max=most)

    def depths(pivot_dbfs: Tensor) -> Tensor:
        wanted = (n_q + QUANTIZERS_PER_DB * (level_dbfs - pivot_dbfs)).round()
        return torch.minimum(wanted.clamp(min=1), peak)

    for _ in range(SEARCH):
        middle = (low + high) / 2
        above = depths(middle).mean(dim=1, keepdim=True) > n_q
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return depths((high + stray).clamp(LOWEST_PIVOT_DBFS, HIGHEST_PIVOT_DBFS))

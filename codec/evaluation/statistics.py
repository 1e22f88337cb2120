"""Means with 95 % intervals over clips (Student's t), and differences between two systems clip by clip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import t as student

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Mean:
    """`half` is half the width of the 95 % interval: unknown where there is but one number."""

    mean: float
    half: float | None
    count: int

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out zero: for differences."""
        return self.half is not None and abs(self.mean) > self.half


def mean_of(numbers: Iterable[float]) -> Mean | None:
    """None where there are no numbers."""
    values = np.array(list(numbers), dtype=np.float64)
    if not len(values):
        return None
    if len(values) == 1:
        return Mean(float(values[0]), None, 1)
    spread = float(values.std(ddof=1)) / sqrt(len(values))
    half = float(student.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * spread
    return Mean(float(values.mean()), half, len(values))


@dataclass(frozen=True)
class Difference:
    """first - second over the clips that both have; `won` counts where the first is higher."""

    mean: Mean
    won: int


def difference(first: Sequence[float | None], second: Sequence[float | None]) -> Difference | None:
    """Both by clip, in the same order. None where no clip has both."""
    gaps = [a - b for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    mean = mean_of(gaps)
    return Difference(mean, sum(gap > 0 for gap in gaps)) if mean else None

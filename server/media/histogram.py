"""Counts of values by size, cheap enough for every step; read when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

STEP_BOUNDS = (0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.0133, 0.02, 0.05, 0.1)  # s
LAG_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # s
SETUP_BOUNDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # s


class Histogram:
    """`counts[i]`: values up to `bounds[i]` and above the bound before; the last one is of those beyond all bounds.

    One thread writes; who reads on another one sees it a little late.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Counts a value, or several that are equal."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """Their sum; all must have the same bounds, and there must be one."""
    first, *others = histograms
    merged = Histogram(first.bounds)
    for histogram in (first, *others):
        merged.counts = [mine + theirs for mine, theirs in zip(merged.counts, histogram.counts, strict=True)]
        merged.total += histogram.total
    return merged

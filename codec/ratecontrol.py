"""How many quantizers each frame of a stream gets, so that bits go where they are heard and the mean stays."""

from __future__ import annotations

from math import log10

import numpy as np

from codec.codebits import payload_bytes
from codec.config import CodecConfig
from codec.engine.base import Pcm

QUANTIZERS_PER_DB = 0.18  # of a frame's level; see decision 16
PEAK = 3  # a frame gets at most so many times what the mean is
FIRST_PIVOT_DBFS = -31.0
LOWEST_PIVOT_DBFS = -60.0  # what is fainter is a pause: what it saves is not spent later
HIGHEST_PIVOT_DBFS = 0.0
STEP_DB = 0.4  # by which the pivot moves after a frame that took twice the mean
FAINTEST_POWER = 1e-10
ENTROPY_BITS = 8.3  # that an entropy-coded code takes, about: what it does, the pivot finds
LOST_BITS = 2.6  # of a frame, to whole bytes


class RateControl:
    """A frame at the pivot's level gets as many quantizers as the nominal number's bytes hold in the mean; a louder one
    gets more, a fainter one less.

    The pivot follows what was spent, in bytes as they are sent: it rises where that is above the mean and falls where
    it is below. So a stream is never further ahead of its mean than the pivot can move: about two seconds.
    """

    def __init__(self, config: CodecConfig) -> None:
        self._most = config.quantizers
        self.pivot_dbfs = FIRST_PIVOT_DBFS
        self._nominal_bytes = 1

    def choose(self, frame: Pcm, n_q: int) -> int:
        """frame [hop] in [-1, 1], the nominal number -> the frame's own. Call it once for each frame, in order, and
        then `account`."""
        level_dbfs = 10 * log10(float(np.dot(frame, frame)) / len(frame) + FAINTEST_POWER)
        self._nominal_bytes = payload_bytes(n_q, 1)
        affordable = (8 * self._nominal_bytes - LOST_BITS) / ENTROPY_BITS
        wanted = round(affordable + QUANTIZERS_PER_DB * (level_dbfs - self.pivot_dbfs))
        return max(1, min(wanted, PEAK * n_q, self._most))

    def account(self, spent_bytes: int) -> None:
        """What the codes of the frame took, for which `choose` was called last."""
        pivot_dbfs = self.pivot_dbfs + STEP_DB * (spent_bytes / self._nominal_bytes - 1)
        self.pivot_dbfs = max(LOWEST_PIVOT_DBFS, min(pivot_dbfs, HIGHEST_PIVOT_DBFS))

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


class RateControl:
    """A frame at the level of the pivot gets the nominal number of quantizers, a louder one more, a fainter one less.

    The pivot follows what was spent, in bytes as they are sent: it rises where that is above the mean and falls where
    it is below. So a stream is never further ahead of its mean than the pivot can move: about two seconds.
    """

    def __init__(self, config: CodecConfig) -> None:
        self._most = config.quantizers
        self.pivot_dbfs = FIRST_PIVOT_DBFS

    def choose(self, frame: Pcm, n_q: int) -> int:
        """frame [hop] in [-1, 1], the nominal number -> the frame's own. Call it once for each frame, in order."""
        level_dbfs = 10 * log10(float(np.dot(frame, frame)) / len(frame) + FAINTEST_POWER)
        wanted = round(n_q + QUANTIZERS_PER_DB * (level_dbfs - self.pivot_dbfs))
        chosen = max(1, min(wanted, PEAK * n_q, self._most))
        spent = payload_bytes(chosen, 1) / payload_bytes(n_q, 1)
        pivot_dbfs = self.pivot_dbfs + STEP_DB * (spent - 1)
        self.pivot_dbfs = max(LOWEST_PIVOT_DBFS, min(pivot_dbfs, HIGHEST_PIVOT_DBFS))
        return chosen

"""The residual search in numpy: for engines whose networks stop at the projected embedding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec.engine.base import Codes

Vector = NDArray[np.float32]


class Codebooks:
    """Codebooks [Q, K, d], kept twice: entries for decoding, columns for the search."""

    def __init__(self, entries: NDArray[np.float32]) -> None:
        self.entries = np.ascontiguousarray(entries, dtype=np.float32)
        self.columns = np.ascontiguousarray(self.entries.transpose(0, 2, 1))
        self.half_norms = np.square(self.entries).sum(axis=2) / 2

    def encode(self, z: Vector, n_q: int) -> Codes:
        """Projected embedding z [d] -> codes [n_q]: at each stage the entry nearest to what is left."""
        residual, codes = z, np.empty(n_q, dtype=np.int16)
        for stage in range(n_q):
            code = int(np.argmin(self.half_norms[stage] - residual @ self.columns[stage]))
            residual = residual - self.entries[stage, code]
            codes[stage] = code
        return codes

    def decode(self, codes: Codes) -> Vector:
        """codes [n_q] -> projected embedding [d]."""
        z: Vector = self.entries[np.arange(len(codes)), codes].sum(axis=0)
        return z

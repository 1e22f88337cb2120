"""What a run writes down of itself."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def perplexity(codes: Tensor) -> float:
    """How many entries a batch's codes use, counted by entropy."""
    share = torch.bincount(codes).float() / len(codes)
    return float(torch.exp(-(share * torch.log(share.clamp(min=1e-9))).sum()))


COLUMNS = (
    "mel", "complex", "wave", "hinge", "feature", "discriminator",
    "gain", "level", "commitment", "perplexity", "grad_norm", "learning_rate",
)  # of a codec's training


class CsvLog:
    """Means of the last `every` steps, a row each; plot it with anything."""

    def __init__(self, path: Path, step: int, every: int = 50, columns: tuple[str, ...] = COLUMNS) -> None:
        self.path, self.every, self.columns, self.recent = path, every, columns, list[dict[str, float]]()
        self.started = time.monotonic()
        if step == 0 or not path.exists():
            path.write_text(",".join(("step", "seconds", *columns)) + "\n")

    def add(self, step: int, figures: dict[str, float]) -> dict[str, float] | None:
        """Returns the means whenever a row was written."""
        self.recent.append(figures)
        if step % self.every:
            return None
        means = {name: float(np.mean([row.get(name, 0.0) for row in self.recent])) for name in self.columns}
        self.recent.clear()
        with self.path.open("a", newline="") as out:
            seconds = round(time.monotonic() - self.started, 1)
            csv.writer(out).writerow([step, seconds, *(f"{value:.5g}" for value in means.values())])
        return means

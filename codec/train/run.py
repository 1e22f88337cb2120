"""What every run of training does between its steps: shows and logs, saves now and then, stops when it is told."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from tqdm import tqdm

from codec.train.log import COLUMNS, CsvLog
from codec.train.team import Team


class Run(ABC):
    """A run in the folder `out`, of `steps` steps, by one process or a team of them."""

    columns: tuple[str, ...] = COLUMNS  # of its log

    def __init__(self, steps: int, out: Path) -> None:
        self.steps, self.out, self.team = steps, out, Team()
        self.step, self.stopping = 0, False

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    @abstractmethod
    def train_step(self) -> dict[str, float]:
        """One batch, one update -> figures for the log. Raises TrainingError where they are no numbers."""

    @abstractmethod
    def save(self) -> None:
        """Writes the checkpoint."""

    @abstractmethod
    def resume(self) -> None:
        """Goes on where `checkpoint.pt` stopped. Raises TrainingError when it is of another preset or damaged."""

    def save_midway(self) -> None:
        """What is done every few minutes."""
        self.save()

    def run(self, save_minutes: float = 5.0) -> None:
        """Trains up to the last step, saving now and then and at the end. Raises KeyboardInterrupt after `stop`, in
        every process of a team though one alone was told."""
        self.out.mkdir(parents=True, exist_ok=True)
        bar = tqdm(total=self.steps, initial=self.step, unit="step", mininterval=2, disable=not self.team.leads)
        log = CsvLog(self.out / "log.csv", self.step, columns=self.columns) if self.team.leads else None
        saved = time.monotonic()
        torch.set_flush_denormal(True)  # numbers below 1e-38 make a step up to ten times slower, and nothing else
        try:
            while self.step < self.steps:
                figures = self.train_step()
                if log and (summary := log.add(self.step, figures)):
                    bar.set_postfix_str(" ".join(f"{name} {value:.3g}" for name, value in summary.items()))
                bar.update()
                due = time.monotonic() - saved > save_minutes * 60
                wishes = self.team.gather((due, self.stopping))
                if any(stopping for _, stopping in wishes):
                    raise KeyboardInterrupt
                if any(due for due, _ in wishes):
                    self.save_midway()
                    saved = time.monotonic()
        finally:
            torch.set_flush_denormal(False)
            self.save()
            bar.close()
            self.team.leave()

    def stop(self) -> None:
        """Ends `run` after the step that it is in; for signals, which find each process of a team somewhere else."""
        self.stopping = True

"""How many calls at once: the search, and what a trial must hold to. No clock and no network here."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

MOST_CALLS = 4096


@dataclass(frozen=True, slots=True)
class Criteria:
    """All of one trial, in percent: frames that the server had no time for, frames that never came to the ear, pieces
    of sound that are what was said. No call may fail."""

    most_misses_percent: float = 0.1
    most_missing_percent: float = 1.0
    least_alike_percent: float = 95.0

    def broken_by(self, report: dict[str, Any]) -> str | None:
        """What a trial broke, for a person; None if it held."""
        if report["calls_failed"]:
            return "failed: " + ", ".join(f"{count} {cause}" for cause, count in report["failures"].items())
        misses, missing = report["deadline"]["misses_percent"], report["frames"]["missing_percent"]
        alike = report["sound"]["alike_percent"]
        if misses > self.most_misses_percent:
            return f"the server had no time for {misses:.2f} % of the frames"
        if missing > self.most_missing_percent:
            return f"{missing:.2f} % of the frames never came to the ear"
        if alike is None or alike < self.least_alike_percent:
            return "the sound was not what was said" if alike is not None else "no sound could be judged"
        return None

    def __str__(self) -> str:
        return (
            f"no call fails, the server has no time for at most {self.most_misses_percent:g} % of the frames, "
            f"at most {self.most_missing_percent:g} % never come to the ear, "
            f"at least {self.least_alike_percent:g} % of the sound is what was said"
        )


def search(first: int) -> Generator[int, bool, int]:
    """Yields numbers of calls to try, is sent whether each held, and returns the largest that did: 0 if none.

    Doubles or halves from `first` until one holds and one does not, then bisects between them.
    """
    held, broken, calls = 0, MOST_CALLS + 1, first
    while broken - held > 1:
        if (yield calls):
            held = calls
        else:
            broken = calls
        if broken > MOST_CALLS:
            calls = min(2 * held, MOST_CALLS)
        elif held == 0:
            calls = broken // 2
        else:
            calls = (held + broken) // 2
        if calls == 0:
            break
    return held

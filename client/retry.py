"""How long to wait before a call that broke is tried again: soon at first, then less and less often."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 4.0
SPREAD = 0.25  # so that not all clients of a server that restarts come back in the same moment


class Retry:
    """For `patience_seconds` from the first try on; `chance` gives numbers from 0 to 1."""

    def __init__(self, patience_seconds: float, chance: Callable[[], float] = random.random) -> None:
        self._patience_seconds = patience_seconds
        self._chance = chance
        self._next_seconds = FIRST_SECONDS
        self._since: float | None = None

    def next_seconds(self, now: float) -> float | None:
        """How long to wait now, None when it is time to give up; `now` is monotonic, in seconds."""
        self._since = now if self._since is None else self._since
        if self._patience_seconds <= 0 or now - self._since > self._patience_seconds:
            return None
        wait = self._next_seconds * (1 + SPREAD * (2 * self._chance() - 1))
        self._next_seconds = min(LONGEST_SECONDS, 2 * self._next_seconds)
        return wait

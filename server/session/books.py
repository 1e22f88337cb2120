"""What a node remembers of sessions that are over, in sums only: nothing of a call is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from server.media.histogram import SETUP_BOUNDS, Histogram
from server.media.totals import Totals
from server.session.setup import Setup


class Books:
    """Counters that only grow, for metrics."""

    def __init__(self) -> None:
        self.joins = 0
        self.resumes = 0
        self.refusals: Counter[str] = Counter()  # joins that got no seat, by error code
        self.endings: Counter[str] = Counter()  # sessions that had a seat, by reason
        self.setup_failures = 0
        self.setup_seconds = Histogram(SETUP_BOUNDS)  # from the offer to the open way of the sound
        self.carried = Totals()  # by sessions that are over
        self.watchers: list[Callable[[Setup], None]] = []  # are told of every set-up that has come to its end

    def set_up(self, setup: Setup) -> None:
        """A way for the sound was opened, or could not be."""
        if setup.seconds is None:
            self.setup_failures += 1
        else:
            self.setup_seconds.observe(setup.seconds)
        for watch in self.watchers:
            watch(setup)

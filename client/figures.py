"""What is measured while a call runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean, median

from server.protocol import Stats


@dataclass
class Figures:
    """Counts of this side, and the figures that the server sends."""

    sent_frames: int = 0
    skipped_frames: int = 0  # not sent because too much waited already
    round_trips_ms: list[float] = field(default_factory=list)
    latest: Stats | None = None
    _conversation: list[Stats] = field(default_factory=list)

    def add_stats(self, stats: Stats, in_conversation: bool) -> None:
        """The server's figures of one second; those of seconds alone stay out of the means."""
        self.latest = stats
        if in_conversation:
            self._conversation.append(stats)

    def mean(self, name: str) -> float | None:
        """The mean of one field of Stats over the conversation."""
        return fmean(getattr(stats, name) for stats in self._conversation) if self._conversation else None

    def total(self, name: str) -> int:
        """A counter of Stats as it stood last."""
        return int(getattr(self.latest, name)) if self.latest else 0

    @property
    def round_trip_ms(self) -> float | None:
        return median(self.round_trips_ms) if self.round_trips_ms else None

    @property
    def uplink_loss_percent(self) -> float:
        """Frames of this voice that were never encoded: not sent, lost on the way, or too late."""
        lost = self.total("uplink_lost")
        return percent(lost + self.total("uplink_dropped"), self.total("uplink_frames") + lost)


def percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0

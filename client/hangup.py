"""When a call is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

SILENCE_SECONDS = 2.0


@dataclass
class HangUp:
    """Decides when to leave. Times are seconds of one monotonic clock.

    The other's silence counts from the end of our own clip at the earliest: the last words are still on their way.
    """

    joined_at: float
    limit_seconds: float | None = None
    others: set[str] = field(default_factory=set)  # sessions of the participants that are here
    clip_ended_at: float | None = None
    heard_at: float = -inf  # when the other made a sound last

    def clip_ended(self, now: float) -> None:
        if self.clip_ended_at is None:
            self.clip_ended_at = now

    def reason(self, now: float) -> str | None:
        """Why to leave now; None to stay."""
        if self.limit_seconds is not None and now - self.joined_at >= self.limit_seconds:
            return "time-limit"
        if self.clip_ended_at is None:
            return None
        if not self.others:
            return "other-left"
        if now - max(self.heard_at, self.clip_ended_at) >= SILENCE_SECONDS:
            return "other-silent"
        return None

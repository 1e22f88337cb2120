"""When the next frame is due: against a schedule, so that late timers do not add up."""

from __future__ import annotations

MAX_BEHIND_FRAMES = 4  # further behind, the schedule starts anew: a file can wait, and a burst would only be dropped


class Pacer:
    """A schedule of frames. Times are seconds of one monotonic clock."""

    def __init__(self, frame_seconds: float, start: float) -> None:
        self._frame_seconds = frame_seconds
        self._start = start
        self._taken = 0
        self.slips = 0

    def wait_seconds(self, now: float) -> float:
        """Takes the next place of the schedule; how long to wait for it, 0 if it is due."""
        due = self._start + self._taken * self._frame_seconds
        if now - due > MAX_BEHIND_FRAMES * self._frame_seconds:
            self.slips += 1
            self._start, self._taken, due = now, 0, now
        self._taken += 1
        return max(0.0, due - now)

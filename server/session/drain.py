"""Drain: finish what runs, take nothing new; and what still runs at the deadline is ended."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable


class Drain:
    """`end` is called at the deadline, once for each drain that is not called off before. Belongs to an event loop."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = math.inf  # by the monotonic clock
        self.active = False

    @property
    def seconds_left(self) -> float | None:
        """Until what still runs is ended; None while nothing drains."""
        return max(0.0, self._deadline - time.monotonic()) if self.active else None

    def begin(self, seconds: float) -> None:
        """A drain that is on already gets a new deadline."""
        self.call_off()
        self.active = True
        self._deadline = time.monotonic() + seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end)

    def call_off(self) -> None:
        self.active = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

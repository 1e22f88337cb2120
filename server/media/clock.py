"""The node's one pace for playing: everything that is due is asked for once a frame, against a schedule."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from server.media.histogram import LAG_BOUNDS, Histogram

logger = logging.getLogger(__name__)


def now_ms() -> float:
    """Milliseconds of the node's own monotonic clock."""
    return time.monotonic() * 1000


class Paced(Protocol):
    """What is due once a frame."""

    def tick(self, now_ms: float) -> None: ...


class Pacer:
    """Calls `tick` of all members once every `period_ms`. A short stall is caught up, a long one is let go."""

    def __init__(
        self,
        period_ms: float,
        catch_up: int = 8,
        clock_ms: Callable[[], float] = now_ms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._period_ms = period_ms
        self._catch_up = catch_up
        self._clock_ms = clock_ms
        self._sleep = sleep
        self._members: dict[Paced, None] = {}
        self.lag_seconds = Histogram(LAG_BOUNDS)  # by how much the event loop let it wait

    def add(self, member: Paced) -> None:
        self._members[member] = None

    def discard(self, member: Paced) -> None:
        self._members.pop(member, None)

    async def run(self) -> None:
        """Paces until it is cancelled."""
        due_ms = self._clock_ms()
        while True:
            due_ms += self._period_ms
            behind_ms = self._clock_ms() - due_ms
            if behind_ms > self._catch_up * self._period_ms:
                due_ms += behind_ms
            await self._sleep(max(0.0, -behind_ms) / 1000)
            now = self._clock_ms()
            self.lag_seconds.observe((now - due_ms) / 1000)
            for member in tuple(self._members):
                try:
                    member.tick(now)
                except Exception:  # one stream's fault must not silence the others
                    logger.exception("a stream could not be paced and is dropped")
                    self.discard(member)

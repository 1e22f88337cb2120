"""How late frames come, compared with the luckiest one: what the playout delay must cover; sans-I/O."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque


class Arrivals:
    """The transits of the newest frames: when each came, less when it was spoken by the sender's count.

    The two clocks have nothing to do with each other, so that only differences between transits mean something. A
    window forgets all at once what is older, a burst as well as a route or a drift of the clocks.
    """

    def __init__(self, window: int, quantile: float, limit_ms: float) -> None:
        self._quantile = quantile
        self._limit_ms = limit_ms
        self._window = window
        self._in_turn: deque[float] = deque()
        self._by_size: list[float] = []
        self._spread_ms: float | None = 0.0  # None: to be computed anew

    def __len__(self) -> int:
        return len(self._in_turn)

    def add(self, transit_ms: float) -> None:
        if len(self._in_turn) == self._window:
            del self._by_size[bisect_left(self._by_size, self._in_turn.popleft())]
        self._in_turn.append(transit_ms)
        insort(self._by_size, transit_ms)
        self._spread_ms = None

    def clear(self) -> None:
        self._in_turn.clear()
        self._by_size.clear()
        self._spread_ms = 0.0

    @property
    def earliest_ms(self) -> float:
        """The transit of the luckiest frame. There must be one."""
        return self._by_size[0]

    @property
    def spread_ms(self) -> float:
        """How much later than the luckiest all frames come but for a few (the rest of the quantile).

        Those beyond the limit don't count: no delay that is allowed would save them.
        """
        if self._spread_ms is None:
            earliest = self._by_size[0]
            count = bisect_right(self._by_size, earliest + self._limit_ms)
            self._spread_ms = self._by_size[int(self._quantile * (count - 1))] - earliest
        return self._spread_ms

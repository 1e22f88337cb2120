"""How much redundancy a line needs, by the loss that its receiver reports; sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass

from codec.redundancy import NO_REDUNDANCY, Redundancy

RISE = 0.5  # what a report of more loss counts: a second or two until copies flow
FALL = 0.15  # of less loss: bursts come again
FEWEST = 20  # packets without which a report says nothing


@dataclass(frozen=True, slots=True)
class Level:
    """`redundancy` from a share `on` of packets lost, until less than `off` are."""

    on: float
    off: float
    redundancy: Redundancy


LEVELS = (Level(0.02, 0.01, Redundancy((1,))), Level(0.08, 0.05, Redundancy((1, 3))))


class RedundancyControl:
    """Takes the receiver's reports, once a second or so, and says what is to be copied."""

    def __init__(self, levels: tuple[Level, ...] = LEVELS) -> None:
        self.loss = 0.0  # smoothed share
        self._levels = levels
        self._level = 0  # how many of the levels are on

    def report(self, expected: int, lost: int) -> Redundancy:
        """Of so many packets that were due since the last report, so many never came."""
        if expected >= FEWEST:
            newest = lost / expected
            self.loss += (RISE if newest > self.loss else FALL) * (newest - self.loss)
        while self._level < len(self._levels) and self.loss >= self._levels[self._level].on:
            self._level += 1
        while self._level and self.loss < self._levels[self._level - 1].off:
            self._level -= 1
        return self._levels[self._level - 1].redundancy if self._level else NO_REDUNDANCY

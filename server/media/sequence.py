"""Puts numbered things back in order and counts what is missing; sans-I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


def distance(later: int, earlier: int, modulus: int) -> int:
    """How far `later` is ahead of `earlier`, by the shorter way round: -modulus/2 .. modulus/2 - 1."""
    return (later - earlier + modulus // 2) % modulus - modulus // 2


class Reorderer(Generic[Item]):
    """Tolerates `tolerance` items ahead of a missing one; then the missing one counts as lost.

    A jump by more than `jump` either way is a sender that started anew: taken up without loss.
    """

    def __init__(self, modulus: int, tolerance: int = 1, jump: int = 1000) -> None:
        self.received = 0
        self.lost = 0
        self.late = 0
        self._modulus = modulus
        self._tolerance = tolerance
        self._jump = jump
        self._expected: int | None = None
        self._ahead: dict[int, Item] = {}

    def restart(self) -> None:
        """Forgets where the numbers stood: the next item is the first of a new sender."""
        self._expected = None
        self._ahead.clear()

    def push(self, sequence: int, item: Item) -> Iterator[tuple[int, Item]]:
        """Takes an item; yields what is in order now, each as (lost before it, item)."""
        if self._expected is None or abs(self._lead(sequence)) > self._jump:
            self.restart()
            self._expected = sequence
        if self._lead(sequence) < 0 or sequence in self._ahead:
            self.late += 1
            return
        self.received += 1
        if sequence == self._expected and not self._ahead:  # as nearly always
            self._expected = (sequence + 1) % self._modulus
            yield 0, item
            return
        self._ahead[sequence] = item
        while self._ahead:
            first = min(self._ahead, key=self._lead)
            gap = self._lead(first)
            if gap and len(self._ahead) <= self._tolerance:
                return
            self.lost += gap
            self._expected = (first + 1) % self._modulus
            yield gap, self._ahead.pop(first)

    def _lead(self, sequence: int) -> int:
        assert self._expected is not None
        return distance(sequence, self._expected, self._modulus)

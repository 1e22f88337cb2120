"""How many of the packets that were sent have come; sans-I/O."""

from __future__ import annotations

from codec.packet import SEQUENCE_MODULUS
from server.media.sequence import distance

JUMP = 1000  # a greater jump of the sequence is a sender that started anew


class Reception:
    """Counts packets by their sequence numbers, whatever is made good later (after RFC 3550, appendix A.3)."""

    def __init__(self) -> None:
        self._received = 0
        self._newest: int | None = None
        self._expected = 0

    def count(self, sequence: int) -> None:
        """A packet came, in any order."""
        step = 1 if self._newest is None else distance(sequence, self._newest, SEQUENCE_MODULUS)
        if abs(step) > JUMP:
            self._received = self._expected = 0
            step = 1
        if step > 0:
            self._newest = sequence
            self._expected += step
        self._received += 1

    def take(self) -> tuple[int, int]:
        """Packets that were due since the last call, and how many of them did not come."""
        expected, lost = self._expected, max(0, self._expected - self._received)
        self._received = self._expected = 0
        return expected, lost

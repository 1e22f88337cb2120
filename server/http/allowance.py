"""How much may come, and how fast: a token bucket, sans I/O."""

from __future__ import annotations


class Allowance:
    """Grows by `per_second` up to `most`, where it begins."""

    def __init__(self, per_second: float, most: float, now_seconds: float) -> None:
        self._per_second = per_second
        self._most = self._left = most
        self._at = now_seconds

    def take(self, now_seconds: float) -> bool:
        """Takes one, if one is left."""
        self._left = min(self._most, self._left + (now_seconds - self._at) * self._per_second)
        self._at = now_seconds
        if self._left < 1:
            return False
        self._left -= 1
        return True

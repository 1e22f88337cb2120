"""A bad network, simulated: what happens to each datagram. No clock and no socket here."""

from __future__ import annotations

import random
from dataclasses import dataclass

from client.errors import CallError

MOST_MS = 10_000.0


class ImpairmentError(CallError):
    """An impairment that can't be; the text names what was wrong."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """One way of the network: `loss_percent` of the datagrams vanish, the others take `delay_ms` and up to `jitter_ms`
    more, evenly spread. Jitter overtakes: datagrams arrive in another order where it exceeds their distance."""

    loss_percent: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Impairment:
        """`loss=3,delay=60,jitter=10`, in percent and ms; what is left out is 0. Raises ImpairmentError."""
        limits = {"loss": ("loss_percent", 100.0), "delay": ("delay_ms", MOST_MS), "jitter": ("jitter_ms", MOST_MS)}
        values: dict[str, float] = {}
        for part in text.split(","):
            name, equals, number = (piece.strip() for piece in part.partition("="))
            if name not in limits or not equals:
                raise ImpairmentError(f"{part.strip()!r} is no impairment; there are loss=%, delay=ms and jitter=ms")
            field, most = limits[name]
            if field in values:
                raise ImpairmentError(f"impairment {name} is given twice")
            try:
                values[field] = float(number)
            except ValueError:
                raise ImpairmentError(f"impairment {name}={number} is no number") from None
            if not 0 <= values[field] <= most:
                raise ImpairmentError(f"impairment {name}={number} is outside 0..{most:g}")
        return cls(**values)

    @property
    def nothing(self) -> bool:
        return not (self.loss_percent or self.delay_ms or self.jitter_ms)


NO_IMPAIRMENT = Impairment()


class Fate:
    """Decides for one datagram after another, by a random sequence that its seed fixes; counts both kinds."""

    def __init__(self, impairment: Impairment, seed: int) -> None:
        self._impairment = impairment
        self._random = random.Random(seed)
        self.passed = 0
        self.lost = 0

    def delay_seconds(self) -> float | None:
        """How long the next datagram takes; None: it is lost."""
        impairment = self._impairment
        if self._random.random() * 100 < impairment.loss_percent:
            self.lost += 1
            return None
        self.passed += 1
        return (impairment.delay_ms + self._random.random() * impairment.jitter_ms) / 1000

"""What a load test is to do, as the command line says it and every load process gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from client.load.impairment import NO_IMPAIRMENT, Impairment
from server.protocol import TransportName

SETTLE_SECONDS = 2.0  # between the last call's beginning and the measurement


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """`calls` of two begin evenly over `ramp_seconds`; then all are measured together for `seconds`.

    `run` is a word that keeps the rooms of one test apart from those of all others.
    """

    server: str
    calls: int
    seconds: float
    ramp_seconds: float
    run: str
    wav: Path
    processes: int
    bitrate_kbps: float | None = None
    denoise: bool = False
    transport: TransportName = "channel"
    impairment: Impairment = NO_IMPAIRMENT
    insecure: bool = False
    secret: str | None = field(default=None, repr=False)  # of a server that wants tokens

    @property
    def settled_seconds(self) -> float:
        """From the start to the moment at which the measurement begins."""
        return self.ramp_seconds + SETTLE_SECONDS

    @property
    def total_seconds(self) -> float:
        return self.settled_seconds + self.seconds

    def starts_seconds(self, call: int) -> float:
        """From the start to the beginning of one call."""
        return self.ramp_seconds * call / self.calls

"""How a participant's way for the sound came about: when each step was taken, for metrics and traces."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Setup:
    """Moments are seconds of time.time(); None: it did not come to that. `began`: the join, or a later offer."""

    session: str
    began: float = field(default_factory=time.time)
    offered: float | None = None
    answered: float | None = None
    ended: float | None = None  # when the sound could flow, or it failed
    transport: str | None = None
    failure: str | None = None

    @property
    def seconds(self) -> float | None:
        """From the offer to the open way; None where it did not come to that."""
        if self.failure is not None or self.offered is None or self.ended is None:
            return None
        return self.ended - self.offered

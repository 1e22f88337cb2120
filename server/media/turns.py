"""How the event loop and the codec's threads share a busy machine. Linux; elsewhere nothing is done.

A datagram wakes the event loop, which by the ordinary policy may interrupt whoever runs on that core. Where the node
itself keeps the cores busy that is a codec thread: over a thousand times a second it loses its warm caches, and the
loop finds its own cold, each time for one datagram. "Batch" threads (sched(7)) wait for the end of the other's turn,
3 ms or so, and then do all that has come. Where others keep the cores busy they would wait for those: so only then.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

from server.cpus import usable_cores

LOOK_MS = 1000.0
BUSY, IDLE = 0.55, 0.45  # of the usable cores' time, taken by this process


class Turns:
    """Looks once a second, when it is asked by `tick` on the event loop's thread, how busy this process is."""

    def __init__(self, cores: float | None = None, cpu_seconds: Callable[[], float] = time.process_time) -> None:
        self._cores = usable_cores() if cores is None else cores
        self._cpu_seconds = cpu_seconds
        self._last: tuple[float, float] | None = None
        self.patient = False

    def tick(self, now_ms: float) -> None:
        if self._last is None:
            self._last = now_ms, self._cpu_seconds()
            return
        passed_ms = now_ms - self._last[0]
        if passed_ms < LOOK_MS:
            return
        before, self._last = self._last[1], (now_ms, self._cpu_seconds())
        share = 1000 * (self._last[1] - before) / passed_ms / self._cores
        if share > BUSY and not self.patient:
            self._become(patient=True)
        elif share < IDLE and self.patient:
            self._become(patient=False)

    def _become(self, patient: bool) -> None:
        self.patient = patient
        if hasattr(os, "SCHED_BATCH"):
            for thread in os.listdir("/proc/self/task"):
                with suppress(OSError):  # it has ended meanwhile, or we may not
                    _set_policy(int(thread), os.SCHED_BATCH if patient else os.SCHED_OTHER)


def _set_policy(thread: int, policy: int) -> None:
    """Leaves a thread alone that was given a policy of another kind, as a real-time one."""
    if os.sched_getscheduler(thread) in (os.SCHED_OTHER, os.SCHED_BATCH):
        os.sched_setscheduler(thread, policy, os.sched_param(0))

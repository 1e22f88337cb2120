from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from server.media.turns import Turns

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux has this policy")


class Busy:
    """A process that takes a share of two cores, as time is let pass."""

    def __init__(self) -> None:
        self.cpu_seconds = self.now_ms = 0.0
        self.turns = Turns(2.0, lambda: self.cpu_seconds)

    def go_on(self, share: float, seconds: float = 2.1) -> int:
        """The policy of this thread afterwards."""
        for _ in range(round(75 * seconds)):
            self.now_ms += 1000 / 75
            self.cpu_seconds += 2 * share / 75
            self.turns.tick(self.now_ms)
        return os.sched_getscheduler(0)


def choose(policy: int) -> None:
    """For all threads of this process."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setscheduler(int(thread), policy, os.sched_param(0))


@pytest.fixture
def busy() -> Iterator[Busy]:
    choose(os.SCHED_OTHER)  # whatever a server on a busy machine left here
    yield Busy()
    choose(os.SCHED_OTHER)


def test_a_busy_node_lets_the_codec_end_its_turn_and_an_idle_one_does_not(busy: Busy) -> None:
    assert busy.go_on(0.3) == os.SCHED_OTHER
    assert busy.go_on(0.9) == os.SCHED_BATCH
    assert busy.go_on(0.5) == os.SCHED_BATCH  # no to and fro about one limit
    assert busy.go_on(0.2) == os.SCHED_OTHER


def test_a_policy_that_somebody_else_chose_stays(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getscheduler(0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "sched_getscheduler", lambda thread: os.SCHED_FIFO)
        busy.go_on(0.9)
    assert busy.turns.patient
    assert os.sched_getscheduler(0) == before

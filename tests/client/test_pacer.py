from __future__ import annotations

import pytest

from client.pacer import MAX_BEHIND_FRAMES, Pacer


@pytest.mark.parametrize("lateness", [0.0, 0.001, 0.009], ids="{}-s-late".format)
def test_late_timers_do_not_add_up(lateness: float) -> None:
    pacer, now = Pacer(0.010, start=100.0), 100.0
    for _ in range(1000):
        now += pacer.wait_seconds(now) + lateness
    assert now == pytest.approx(100.0 + 999 * 0.010 + lateness)
    assert pacer.slips == 0


def test_a_few_late_frames_are_caught_up() -> None:
    pacer = Pacer(0.010, start=0.0)
    pacer.wait_seconds(0.0)
    waits = [pacer.wait_seconds(0.035) for _ in range(4)]
    assert waits == [0, 0, 0, pytest.approx(0.005)]


def test_far_behind_the_schedule_starts_anew() -> None:
    pacer = Pacer(0.010, start=0.0)
    late = (MAX_BEHIND_FRAMES + 1) * 0.010
    assert pacer.wait_seconds(late) == 0
    assert pacer.wait_seconds(late) == pytest.approx(0.010)
    assert pacer.slips == 1

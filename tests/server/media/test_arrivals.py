"""How much later than the luckiest frame the others come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.media.arrivals import Arrivals

transits = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def arrivals(window: int = 50, quantile: float = 0.9, limit_ms: float = 1e9) -> Arrivals:
    return Arrivals(window, quantile, limit_ms)


@given(transits, st.integers(1, 20))
def test_only_the_newest_count_and_they_count_in_any_order(values: list[float], window: int) -> None:
    counted = arrivals(window)
    for value in values:
        counted.add(value)
    newest = sorted(values[-window:])
    assert len(counted) == len(newest)
    assert counted.earliest_ms == newest[0]
    assert counted.spread_ms == newest[int(0.9 * (len(newest) - 1))] - newest[0]


@pytest.mark.parametrize(("late", "spread"), [(5, 0.0), (6, 30.0)], ids=["few", "more"])
def test_a_few_that_come_late_do_not_count(late: int, spread: float) -> None:
    counted = arrivals()
    for _ in range(50 - late):
        counted.add(100.0)
    for _ in range(late):
        counted.add(130.0)
    assert counted.spread_ms == spread


def test_what_no_delay_could_save_does_not_count() -> None:
    counted = arrivals(limit_ms=100)
    for step in range(50):
        counted.add(200.0 if step % 2 else 0.0)
    assert counted.spread_ms == 0.0


def test_cleared_it_has_seen_nothing() -> None:
    counted = arrivals()
    counted.add(7.0)
    counted.add(9.0)
    counted.clear()
    assert (len(counted), counted.spread_ms) == (0, 0.0)

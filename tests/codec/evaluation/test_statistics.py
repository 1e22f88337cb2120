from __future__ import annotations

import pytest

from codec.evaluation.statistics import difference, mean_of


def test_mean_and_interval_are_students() -> None:
    """By hand: s = 1, t(0.975, 2) = 4.3027, 4.3027 / sqrt(3) = 2.4841."""
    found = mean_of([1, 2, 3])
    assert found
    assert (found.mean, found.count) == (2, 3)
    assert found.half == pytest.approx(2.4841, abs=1e-4)
    assert not found.certain


def test_one_number_has_no_interval_and_none_no_mean() -> None:
    one = mean_of([4.2])
    assert one
    assert (one.mean, one.half, one.certain) == (4.2, None, False)
    assert mean_of([]) is None


def test_a_difference_takes_only_clips_that_both_have() -> None:
    found = difference([1.0, 2.0, None, 5.0], [0.5, 1.4, 9.0, None])
    assert found
    assert found.mean.mean == pytest.approx(0.55)
    assert (found.mean.count, found.won) == (2, 2)
    assert difference([None], [1.0]) is None

from __future__ import annotations

import pytest

from client.retry import Retry


def test_soon_at_first_then_less_often() -> None:
    retry = Retry(60, chance=lambda: 0.5)
    assert [retry.next_seconds(now) for now in range(7)] == [0.25, 0.5, 1, 2, 4, 4, 4]


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_not_all_in_the_same_moment(chance: float) -> None:
    assert Retry(60, chance=lambda: chance).next_seconds(0) == 0.25 * (0.75 + chance / 2)


def test_not_for_ever_and_not_at_all_where_it_is_not_wanted() -> None:
    retry = Retry(60)
    assert retry.next_seconds(100) is not None
    assert retry.next_seconds(160) is not None
    assert retry.next_seconds(160.1) is None
    assert Retry(0).next_seconds(0) is None

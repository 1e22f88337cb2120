from __future__ import annotations

from typing import Any

import pytest

from client.load.capacity import MOST_CALLS, Criteria, search


def find(truth: int, first: int) -> tuple[int, list[int]]:
    """What a search finds where `truth` calls hold and one more does not, and what it tried."""
    steps, tried = search(first), []
    try:
        calls = next(steps)
        while True:
            tried.append(calls)
            calls = steps.send(calls <= truth)
    except StopIteration as end:
        return end.value, tried


@pytest.mark.parametrize("first", [1, 4, 20, MOST_CALLS])
@pytest.mark.parametrize("truth", [0, 1, 2, 7, 31, 100, MOST_CALLS])
def test_the_search_finds_the_most_without_trying_twice(truth: int, first: int) -> None:
    found, tried = find(truth, first)
    assert found == truth
    assert len(set(tried)) == len(tried) <= 24


def report(failed: int = 0, misses: float = 0.0, missing: float = 0.0, alike: float | None = 100.0) -> dict[str, Any]:
    return {
        "calls_failed": failed,
        "failures": {"ice": failed} if failed else {},
        "deadline": {"misses_percent": misses},
        "frames": {"missing_percent": missing},
        "sound": {"alike_percent": alike},
    }


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (report(failed=2), "failed: 2 ice"),
        (report(misses=0.2), "no time for 0.20 % of the frames"),
        (report(missing=1.5), "1.50 % of the frames never came"),
        (report(alike=90.0), "not what was said"),
        (report(alike=None), "no sound could be judged"),
    ],
)
def test_each_criterion_can_break(broken: dict[str, Any], why: str) -> None:
    assert why in str(Criteria().broken_by(broken))
    assert Criteria().broken_by(report()) is None


def test_the_criteria_say_themselves() -> None:
    assert "at most 2.5 % never come" in str(Criteria(most_missing_percent=2.5))

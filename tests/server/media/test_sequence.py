"""Order and loss of numbered things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.media.sequence import Reorderer, distance

MODULUS = 1 << 32


def run(sequences: list[int], tolerance: int = 1) -> tuple[Reorderer[int], list[tuple[int, int]]]:
    order: Reorderer[int] = Reorderer(MODULUS, tolerance)
    return order, [step for sequence in sequences for step in order.push(sequence, sequence)]


@pytest.mark.parametrize(
    ("later", "earlier", "ahead"), [(5, 3, 2), (3, 5, -2), (1, MODULUS - 1, 2), (MODULUS - 1, 1, -2)]
)
def test_distance_goes_the_shorter_way_round(later: int, earlier: int, ahead: int) -> None:
    assert distance(later, earlier, MODULUS) == ahead


@given(st.integers(0, MODULUS - 1), st.integers(1, 20))
def test_what_comes_in_order_goes_through_at_once(first: int, count: int) -> None:
    sequences = [(first + step) % MODULUS for step in range(count)]
    order, steps = run(sequences)
    assert steps == [(0, sequence) for sequence in sequences]
    assert (order.received, order.lost, order.late) == (count, 0, 0)


def test_two_that_changed_places_change_back() -> None:
    order, steps = run([0, 2, 1, 3])
    assert steps == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert order.lost == 0


def test_a_gap_is_declared_lost_when_more_is_ahead_than_tolerated() -> None:
    order, steps = run([0, 2, 3])
    assert steps == [(0, 0), (1, 2), (0, 3)]
    assert order.lost == 1


def test_what_was_declared_lost_is_late_when_it_comes() -> None:
    order, steps = run([0, 2, 3, 1, 4])
    assert steps == [(0, 0), (1, 2), (0, 3), (0, 4)]
    assert (order.lost, order.late, order.received) == (1, 1, 4)


def test_twins_count_as_late() -> None:
    order, steps = run([0, 0, 2, 2, 1])
    assert steps == [(0, 0), (0, 1), (0, 2)]
    assert order.late == 2


@pytest.mark.parametrize("jump", [5000, MODULUS // 2 + 7], ids="by-{}".format)
def test_a_sender_that_starts_anew_has_lost_nothing(jump: int) -> None:
    order, steps = run([0, 1, jump, jump + 1])
    assert steps == [(0, 0), (0, 1), (0, jump), (0, jump + 1)]
    assert order.lost == 0


def test_after_a_restart_any_number_is_the_first() -> None:
    order, _ = run([7, 8])
    order.restart()
    assert list(order.push(0, 0)) == [(0, 0)]
    assert order.lost == 0


@given(st.permutations(range(30)), st.sets(st.integers(0, 29), max_size=10), st.integers(0, 4))
def test_everything_is_given_once_or_lost_or_late(order_of: list[int], missing: set[int], tolerance: int) -> None:
    sent = [number for number in order_of if number not in missing]
    order, steps = run(sent, tolerance)
    given_out = [number for _, number in steps]
    assert given_out == sorted(set(given_out))
    assert order.received + order.late == len(sent)
    assert sum(gap for gap, _ in steps) == order.lost
    if given_out:
        assert given_out[-1] - given_out[0] + 1 == len(given_out) + order.lost - steps[0][0]
    assert len(sent) - order.late - len(given_out) <= tolerance

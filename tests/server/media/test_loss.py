"""Packets that were sent and did not come."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from codec.packet import SEQUENCE_MODULUS
from server.media.loss import Reception


def counted(sequences: Iterable[int]) -> Reception:
    reception = Reception()
    for sequence in sequences:
        reception.count(sequence % SEQUENCE_MODULUS)
    return reception


@pytest.mark.parametrize("first", [0, SEQUENCE_MODULUS - 3], ids="first-{}".format)
def test_what_is_missing_is_lost(first: int) -> None:
    assert counted(first + step for step in (0, 1, 4, 5, 7)).take() == (8, 3)


def test_order_does_not_matter_and_a_twin_makes_no_packet_lost() -> None:
    assert counted([2, 4, 3, 3, 5]).take() == (4, 0)


def test_each_report_begins_where_the_last_one_ended() -> None:
    reception = counted([0, 1, 3])
    assert reception.take() == (4, 1)
    assert reception.take() == (0, 0)
    reception.count(5)
    assert reception.take() == (2, 1)


def test_a_sender_that_starts_anew_has_lost_nothing() -> None:
    assert counted([0, 1, 30_000, 30_001]).take() == (2, 0)

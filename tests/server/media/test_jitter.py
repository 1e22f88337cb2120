"""The jitter buffer: when a packet is played, when a frame is concealed, and that the delay comes back."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.packet import SEQUENCE_MODULUS, Packet
from server.media.jitter import JitterBuffer, JitterPolicy

POLICY = JitterPolicy()


def packet(sequence: int) -> Packet:
    return Packet(sequence % SEQUENCE_MODULUS, sequence, 1, ((sequence % 1024,),), 0)


def push(buffer: JitterBuffer, sequences: Iterable[int], now_ms: float = 0.0) -> None:
    for sequence in sequences:
        buffer.push(packet(sequence), now_ms)


def pop(buffer: JitterBuffer, times: int, now_ms: float = 0.0) -> list[int | None]:
    popped = (buffer.pop(now_ms) for _ in range(times))
    return [None if one is None else one.frame_index for one in popped]


def test_before_the_first_packet_nothing_is_due_and_nothing_is_lost() -> None:
    buffer = JitterBuffer()
    assert pop(buffer, 100) == [None] * 100
    assert not buffer.started
    assert buffer.lost == 0


def test_playing_starts_at_the_target() -> None:
    buffer = JitterBuffer()
    push(buffer, [5])
    assert pop(buffer, 3) == [None] * 3
    assert not buffer.started
    push(buffer, [6])
    assert pop(buffer, 1) == [5]
    assert buffer.started


def test_packets_come_out_in_order_whatever_the_order_of_arrival() -> None:
    buffer = JitterBuffer()
    push(buffer, [3, 1, 2, 0])
    assert pop(buffer, 4) == [0, 1, 2, 3]
    assert (buffer.late, buffer.lost, buffer.played) == (0, 0, 4)


def test_sequence_numbers_wrap() -> None:
    buffer = JitterBuffer()
    first = SEQUENCE_MODULUS - 2
    push(buffer, [first, first + 2, first + 1, first + 3])
    assert pop(buffer, 4) == [first, first + 1, first + 2, first + 3]


def test_a_lost_packet_is_concealed_once_and_the_delay_stays() -> None:
    buffer = JitterBuffer()
    push(buffer, [0, 1, 3, 4])
    assert pop(buffer, 5) == [0, 1, None, 3, 4]
    assert buffer.lost == 1


def test_a_packet_that_is_late_is_played_after_the_concealed_frame() -> None:
    """The buffer ran dry: nobody knew whether the packet was lost."""
    buffer = JitterBuffer()
    push(buffer, [0, 1])
    assert pop(buffer, 3) == [0, 1, None]
    push(buffer, [2, 3])
    assert pop(buffer, 2) == [2, 3]
    assert (buffer.lost, buffer.late) == (0, 0)


def test_a_loss_that_was_concealed_when_dry_is_not_concealed_again() -> None:
    buffer = JitterBuffer()
    push(buffer, [0, 1])
    assert pop(buffer, 3) == [0, 1, None]
    push(buffer, [3, 4])
    assert pop(buffer, 2) == [3, 4]
    assert buffer.lost == 1


def test_a_packet_after_its_time_and_a_twin_are_counted_as_late() -> None:
    buffer = JitterBuffer()
    push(buffer, [0, 1, 3, 3])
    assert pop(buffer, 4) == [0, 1, None, 3]
    push(buffer, [2])
    assert buffer.late == 2
    assert pop(buffer, 1) == [None]


def test_after_a_long_shortage_it_fills_to_the_target_again() -> None:
    buffer = JitterBuffer()
    push(buffer, [0, 1])
    pop(buffer, 2 + POLICY.refill_after)
    push(buffer, [2])
    assert pop(buffer, 1) == [None]
    push(buffer, [3])
    assert pop(buffer, 2) == [2, 3]


def test_a_burst_beyond_the_cap_falls_to_the_target_at_once() -> None:
    buffer = JitterBuffer()
    push(buffer, range(POLICY.cap + 1))
    assert buffer.depth == POLICY.target
    assert buffer.dropped == POLICY.cap + 1 - POLICY.target
    assert pop(buffer, 2) == [POLICY.cap - 1, POLICY.cap]


@pytest.mark.parametrize(
    ("level", "windows"), [(POLICY.target + 1, 1), (POLICY.target + 2, 2), (POLICY.target + POLICY.excess + 1, 1)]
)
def test_a_level_that_stays_too_high_falls_to_the_target(level: int, windows: int) -> None:
    """A little too much: a packet a window. Far too much: all at the end of the first."""
    buffer = JitterBuffer()
    push(buffer, range(level))
    for step in range(windows * POLICY.window):
        assert buffer.depth >= min(level, POLICY.target)
        buffer.pop(0.0)
        push(buffer, [level + step])
    assert buffer.depth == POLICY.target
    assert buffer.dropped == level - POLICY.target


def test_a_level_that_is_only_sometimes_high_is_left_alone() -> None:
    """Packets that come three at a time need the room."""
    buffer = JitterBuffer()
    push(buffer, range(3))
    sequence = 3
    for _ in range(3 * POLICY.window // 3):
        pop(buffer, 3)
        push(buffer, range(sequence, sequence + 3))
        sequence += 3
    assert buffer.dropped == 0


def test_a_sender_that_starts_anew_is_followed_without_loss() -> None:
    buffer = JitterBuffer()
    push(buffer, [0, 1, 2])
    assert pop(buffer, 1) == [0]
    push(buffer, [30_000, 30_001])
    assert pop(buffer, 2) == [30_000, 30_001]
    assert (buffer.lost, buffer.dropped) == (0, 2)


def test_the_wait_is_measured() -> None:
    buffer = JitterBuffer()
    push(buffer, [0, 1], now_ms=100)
    buffer.pop(due_ms=120)
    buffer.pop(due_ms=133)
    assert (buffer.waited_ms, buffer.played) == (53.0, 2)


@pytest.mark.parametrize("ratio", [0.98, 1.02], ids=["sender-slow", "sender-fast"])
def test_clocks_that_differ_do_no_lasting_harm(ratio: float) -> None:
    """Two percent is far more than real clocks: a frame in fifty is concealed or dropped, and the delay stays."""
    buffer = JitterBuffer()
    frames, sent, depths = 5000, 0, []
    for tick in range(frames):
        while sent < tick * ratio:
            push(buffer, [sent], now_ms=tick)
            sent += 1
        buffer.pop(due_ms=tick)
        depths.append(buffer.depth)
    assert max(depths) <= POLICY.target + POLICY.excess + 1
    assert buffer.lost == buffer.late == 0
    assert buffer.played == pytest.approx(sent - buffer.dropped, abs=POLICY.cap)


kinds = st.sampled_from(["pop", "push", "lose", "swap", "burst", "stall"])
events = st.lists(st.tuples(kinds, st.integers(1, 8)), max_size=150)


@settings(max_examples=300)
@given(events, st.integers(0, SEQUENCE_MODULUS - 1))
def test_the_delay_is_bounded_and_order_holds_whatever_happens(
    happenings: list[tuple[str, int]], first: int
) -> None:
    buffer, sequence, played = JitterBuffer(), first, list[int]()
    for kind, count in happenings:
        if kind in ("pop", "stall"):
            played += [index for index in pop(buffer, 1 if kind == "pop" else count) if index is not None]
        elif kind == "lose":
            sequence += count
        elif kind == "swap":
            push(buffer, [sequence + 1, sequence])
            sequence += 2
        else:
            push(buffer, range(sequence, sequence + (1 if kind == "push" else count)))
            sequence += 1 if kind == "push" else count
        assert buffer.depth <= POLICY.cap
    assert played == sorted(set(played))
    assert buffer.played == len(played)
    assert 0 <= buffer.received - buffer.played - buffer.dropped <= POLICY.cap

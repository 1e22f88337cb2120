"""The jitter buffer: what is played when, that the delay follows the jitter, and that it comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.packet import FRAME_INDEX_MODULUS, SEQUENCE_MODULUS, Copy, Packet
from server.media.jitter import JitterBuffer, JitterPolicy
from server.media.sequence import Reorderer
from tests.server.media.network import FRAME_MS, Delay, Quiet, bursty, call, never, packets, pauses, seconds, steady

POLICY = JitterPolicy()
LOUD_OR_NOT = pytest.mark.parametrize("quiet", [pauses, never], ids=["speech", "without-a-pause"])


class Line:
    """A buffer whose packets all come in time, and are played a frame apart."""

    def __init__(self, first: int = 0) -> None:
        self.buffer = JitterBuffer(FRAME_MS)
        self.first = first
        self.ticks = 0

    def push(self, *indices: int) -> None:
        for index in indices:
            sent = packet(index)
            self.buffer.push(sent, (index - self.first) * FRAME_MS)

    def pop(self, times: int, quiet: bool = False) -> list[int | None]:
        popped = []
        for _ in range(times):
            due_ms = (self.ticks + POLICY.first_target) * FRAME_MS
            popped.append(self.buffer.pop(due_ms, quiet))
            self.ticks += 1
        return [None if one is None else one.frame_index for one in popped]


def packet(index: int) -> Packet:
    return Packet(index % SEQUENCE_MODULUS, index % FRAME_INDEX_MODULUS, 1, ((index % 1024,),), 0)


def test_before_the_first_packet_nothing_is_due_and_nothing_is_lost() -> None:
    line = Line()
    assert line.pop(100) == [None] * 100
    assert not line.buffer.started
    assert line.buffer.lost == 0


def test_playing_starts_when_the_first_target_is_reached() -> None:
    buffer = JitterBuffer(FRAME_MS)
    buffer.push(packet(5), 100.0)
    assert buffer.pop(100.0 + POLICY.first_target * FRAME_MS - 0.1) is None
    assert not buffer.started
    assert buffer.pop(100.0 + POLICY.first_target * FRAME_MS + 0.1) == packet(5)
    assert buffer.started


def test_frames_come_out_in_order_whatever_the_order_of_arrival() -> None:
    line = Line()
    line.push(3, 1, 2, 0)
    assert line.pop(4) == [0, 1, 2, 3]
    assert (line.buffer.late, line.buffer.lost, line.buffer.played) == (0, 0, 4)


def test_numbers_wrap() -> None:
    first = FRAME_INDEX_MODULUS - 2
    line = Line(first)
    line.push(first, first + 2, first + 1, first + 3)
    assert line.pop(4) == [first, first + 1, 0, 1]


def test_a_packet_of_several_frames_is_played_frame_by_frame() -> None:
    line = Line()
    line.buffer.push(Packet(0, 0, 2, ((1, 2, 3), (4, 5, 6)), 0), 0.0)
    frames = [line.buffer.pop((step + POLICY.first_target) * FRAME_MS) for step in range(3)]
    assert [frame and (frame.frame_index, frame.codes) for frame in frames] == [
        (0, ((1,), (4,))), (1, ((2,), (5,))), (2, ((3,), (6,)))
    ]  # fmt: skip


def test_a_lost_frame_is_concealed_once_and_the_delay_stays() -> None:
    line = Line()
    line.push(0, 1, 3, 4)
    assert line.pop(5) == [0, 1, None, 3, 4]
    assert line.buffer.lost == 1


def test_a_frame_that_is_late_is_played_after_the_concealed_one() -> None:
    """The buffer ran dry: nobody knew whether it was lost."""
    line = Line()
    line.push(0, 1)
    assert line.pop(3) == [0, 1, None]
    line.push(2, 3)
    assert line.pop(2) == [2, 3]
    assert (line.buffer.lost, line.buffer.late) == (0, 0)


def test_a_loss_that_was_concealed_when_dry_is_not_concealed_again() -> None:
    line = Line()
    line.push(0, 1)
    assert line.pop(3) == [0, 1, None]
    line.push(3, 4)
    assert line.pop(2) == [3, 4]
    assert line.buffer.lost == 1


def test_a_frame_after_its_time_and_a_twin_are_counted_as_late() -> None:
    line = Line()
    line.push(0, 1, 3, 3)
    assert line.pop(4) == [0, 1, None, 3]
    line.push(2)
    assert line.buffer.late == 2
    assert line.pop(1) == [None]


def test_after_a_long_shortage_the_delay_is_built_up_anew() -> None:
    buffer = JitterBuffer(FRAME_MS)
    buffer.push(packet(0), 0.0)
    for tick in range(2, 3 + POLICY.cap):
        buffer.pop(tick * FRAME_MS)
    buffer.push(packet(1), 1000.0)
    assert buffer.pop(1000.0 + POLICY.first_target * FRAME_MS - 0.1) is None
    assert buffer.pop(1000.0 + POLICY.first_target * FRAME_MS + 0.1) == packet(1)


def test_a_burst_beyond_the_cap_falls_to_the_target_at_once() -> None:
    buffer = JitterBuffer(FRAME_MS)
    for index in range(POLICY.cap + 1):
        buffer.push(packet(index), index * FRAME_MS)
    assert buffer.depth == 2  # frames, for a target of 1.5
    assert buffer.dropped == POLICY.cap + 1 - 2


def test_a_sender_that_starts_anew_is_followed_without_loss() -> None:
    buffer = JitterBuffer(FRAME_MS)
    for index in (0, 1, 2):
        buffer.push(packet(index), 0.0)
    assert buffer.pop(20.0) == packet(0)
    buffer.push(packet(30_000), 20.0)
    buffer.push(packet(30_001), 20.0)
    assert [buffer.pop(40.0 + step * FRAME_MS) for step in range(2)] == [packet(30_000), packet(30_001)]
    assert (buffer.lost, buffer.dropped) == (0, 2)


def test_the_wait_is_measured() -> None:
    buffer = JitterBuffer(FRAME_MS)
    for index in (0, 1):
        buffer.push(packet(index), 100.0)
    buffer.pop(due_ms=120)
    buffer.pop(due_ms=134)
    assert (buffer.waited_ms, buffer.played) == (54.0, 2)


def test_a_frame_comes_from_its_copy_where_its_own_packet_is_lost() -> None:
    line = Line()
    line.push(0)
    sent = packet(2)
    line.buffer.push(with_copy(sent, packet(1)), 2 * FRAME_MS)
    assert line.pop(3) == [0, 1, 2]
    assert (line.buffer.recovered, line.buffer.lost) == (1, 0)


def test_a_frame_is_played_whole_where_it_comes_after_its_copy() -> None:
    line = Line()
    line.push(0)
    line.buffer.push(with_copy(packet(2), packet(9)), 2 * FRAME_MS)
    line.push(1)
    assert line.pop(1) == [0]
    assert line.buffer.pop((1 + POLICY.first_target) * FRAME_MS) == packet(1)
    assert (line.buffer.recovered, line.buffer.late) == (0, 0)


def with_copy(newer: Packet, older: Packet) -> Packet:
    """`newer`, with the codes of `older` as a copy of the frame before it."""
    return replace(newer, copies=(Copy(1, older.codes),))


def test_on_a_line_that_loses_a_lot_the_target_waits_for_copies() -> None:
    sent = list(packets(seconds(60)))
    carried = [sent[0], *map(with_copy, sent[1:], sent)]
    heard = call(carried, steady(loss=0.1), quiet=pauses)
    bare = call(sent, steady(loss=0.1), quiet=pauses)
    lost, lost_bare = heard.buffer.lost, bare.buffer.lost
    assert 0.08 * len(sent) < lost_bare < 0.12 * len(sent)
    assert lost < 0.02 * len(sent)  # two in a row are lost in one case of a hundred
    assert heard.mean_ms(30, 60) < bare.mean_ms(30, 60) + 1.5 * FRAME_MS


@LOUD_OR_NOT
def test_on_a_perfect_line_the_delay_is_a_frame_at_most(quiet: Quiet) -> None:
    heard = call(packets(seconds(30)), steady(delay_ms=0.5, jitter_ms=0), quiet)
    assert heard.mean_ms(10, 30) <= (1 + POLICY.slack) * FRAME_MS
    assert (heard.buffer.lost, heard.buffer.late, heard.buffer.inserted) == (0, 0, 0)
    assert heard.buffer.dropped <= 2  # what it had waited before it knew the line


@LOUD_OR_NOT
@pytest.mark.parametrize("seed", range(3), ids="seed-{}".format)
def test_loss_delay_and_jitter_do_not_make_the_delay_grow_in_five_minutes(quiet: Quiet, seed: int) -> None:
    heard = call(packets(seconds(300)), steady(loss=0.03, seed=seed), quiet)
    early, latest = heard.mean_ms(5, 30), heard.mean_ms(270, 300)
    assert latest <= early + 5
    assert latest <= 70 + (1 + POLICY.slack) * FRAME_MS
    assert heard.buffer.lost == pytest.approx(0.03 * seconds(300), rel=0.2)
    assert heard.buffer.dropped + heard.buffer.inserted + heard.buffer.late < 10


def test_an_uplink_that_reorders_first_does_no_harm() -> None:
    """The way of a call: the network, the uplink's order, then the buffer. A loss costs a frame's wait there."""
    network, arrivals = steady(loss=0.03), []
    for sent in packets(seconds(300)):
        late_ms = network(0.0)
        if late_ms is not None:
            arrivals.append((sent.frame_index * FRAME_MS + late_ms, sent))
    order: Reorderer[Packet] = Reorderer(SEQUENCE_MODULUS)
    through = {}
    for arrived_ms, sent in sorted(arrivals, key=lambda arrival: arrival[0]):
        for _, ready in order.push(sent.sequence, sent):
            through[ready.frame_index] = arrived_ms - ready.frame_index * FRAME_MS
    heard = call(packets(seconds(300)), lambda second: through.get(seconds(second)))
    assert heard.mean_ms(270, 300) <= heard.mean_ms(5, 30) + 5
    assert heard.mean_ms(270, 300) <= 60 + 10 + FRAME_MS + (1 + POLICY.slack) * FRAME_MS


@LOUD_OR_NOT
@pytest.mark.parametrize("seed", range(4), ids="seed-{}".format)
def test_the_delay_returns_after_ten_seconds_of_bursty_loss(quiet: Quiet, seed: int) -> None:
    lost, network = bursty(0.2, seed=seed), steady(seed=seed)
    heard = call(packets(seconds(40)), lambda now: None if 10 <= now < 20 and lost() else network(now), quiet)
    assert heard.buffer.lost > 0.1 * seconds(10)
    assert heard.mean_ms(25, 40) <= heard.mean_ms(5, 10) + 20


def stall(length: float, network: Delay) -> Delay:
    """Nothing comes from second 10 on for so long; then it comes all at once."""

    def delay(now: float) -> float | None:
        late_ms = network(now)
        assert late_ms is not None
        return max(late_ms, (10 + length - now) * 1000) if now >= 10 - late_ms / 1000 else late_ms

    return delay


@LOUD_OR_NOT
@pytest.mark.parametrize("length", [0.1, 0.5, 2.0], ids="{}-s".format)
def test_the_delay_returns_within_five_seconds_after_a_stall(quiet: Quiet, length: float) -> None:
    heard = call(packets(seconds(30)), stall(length, steady()), quiet)
    clean = 10 + round(length + 0.5)
    assert heard.mean_ms(clean + 5, 30) <= heard.mean_ms(5, 10) + 20
    assert all(max(second) <= 70 + (POLICY.cap + 1) * FRAME_MS for second in heard.delays_ms.values())


@LOUD_OR_NOT
def test_the_delay_follows_jitter_up_and_down(quiet: Quiet) -> None:
    calm, wild = steady(), steady(jitter_ms=80)
    heard = call(packets(seconds(40)), lambda now: wild(now) if 10 <= now < 25 else calm(now), quiet)
    assert heard.mean_ms(18, 25) == pytest.approx(140, abs=1.5 * FRAME_MS)
    assert heard.mean_ms(30, 40) <= heard.mean_ms(5, 10) + 20
    settled = heard.sequence[seconds(18) : seconds(25)]
    assert settled.count(None) <= 0.03 * len(settled)


@pytest.mark.parametrize("step_ms", [60, -60, 300], ids="{}-ms".format)
def test_another_route_is_another_delay_and_nothing_else(step_ms: float) -> None:
    network = steady(delay_ms=100, jitter_ms=5)
    heard = call(packets(seconds(30)), lambda now: (network(now) or 0.0) + (step_ms if now >= 10 else 0))
    assert heard.mean_ms(15, 30) == pytest.approx(heard.mean_ms(5, 10) + step_ms, abs=FRAME_MS)


@LOUD_OR_NOT
@pytest.mark.parametrize("pace", [0.98, 0.9997, 1.0003, 1.02], ids=["2%-fast", "300ppm-fast", "300ppm-slow", "2%-slow"])
def test_clocks_that_differ_do_no_harm(quiet: Quiet, pace: float) -> None:
    """Real clocks differ by 0.01 %; two percent cost a frame in fifty."""
    heard = call(packets(seconds(180)), steady(delay_ms=10, jitter_ms=2), quiet, pace)
    changes = heard.buffer.dropped + heard.sequence[seconds(2) : seconds(170)].count(None)
    assert changes <= 1.5 * abs(1 - pace) * seconds(170) + 2
    assert (heard.buffer.late, heard.buffer.lost) == (0, 0)
    assert max(heard.delays_ms[170]) <= 10 + (4 if 0.99 < pace < 1.01 else 8) * FRAME_MS


def test_late_ticks_change_nothing() -> None:
    """A stall of the node, caught up by ticks that come all at once."""
    buffer, changes = JitterBuffer(FRAME_MS), 0
    for tick in range(seconds(20)):
        due_ms = tick * FRAME_MS
        for index in range(tick, tick + 1):
            buffer.push(packet(index), due_ms - 7.0)
        late_ms = FRAME_MS * (7 - tick % 8) if tick // 8 % 20 == 10 else 0.0
        buffer.pop(due_ms + late_ms, quiet=True)
        changes = buffer.dropped + buffer.inserted
    assert changes <= 2


happenings = st.lists(st.tuples(st.sampled_from(["pop", "push", "lose", "swap", "burst", "late"]), st.integers(1, 8)))


@settings(max_examples=300)
@given(happenings, st.integers(0, FRAME_INDEX_MODULUS - 1), st.booleans())
def test_the_delay_is_bounded_and_order_holds_whatever_happens(
    happenings: list[tuple[str, int]], first: int, quiet: bool
) -> None:
    buffer, index, now_ms, played = JitterBuffer(FRAME_MS), first, 0.0, list[int]()
    for kind, count in happenings:
        if kind == "pop":
            for _ in range(count):
                now_ms += FRAME_MS
                frame = buffer.pop(now_ms, quiet)
                played += [] if frame is None else [(frame.frame_index - first) % FRAME_INDEX_MODULUS]
        elif kind == "lose":
            index += count
        elif kind == "swap":
            buffer.push(packet(index + 1), now_ms)
            buffer.push(packet(index), now_ms)
            index += 2
        else:
            for step in range(count if kind == "burst" else 1):
                buffer.push(with_copy(packet(index + step), packet(index + step - 1)), now_ms + 99 * (kind == "late"))
            index += count if kind == "burst" else 1
        assert buffer.depth <= POLICY.cap
    assert played == sorted(set(played))
    assert buffer.played == len(played)
    assert 0 <= buffer.received - buffer.played - buffer.dropped <= POLICY.cap

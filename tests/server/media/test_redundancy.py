"""Copies are switched on by loss, and off again; and with them a line that loses plays on."""

from __future__ import annotations

from codec.packet import Packet
from codec.redundancy import NO_REDUNDANCY, Redundancy
from codec.stream import StreamEncoder
from server.media.jitter import JitterBuffer
from server.media.loss import Reception
from server.media.redundancy import LEVELS, RedundancyControl
from tests.server.doubles import TinyEngine
from tests.server.media.network import FRAME_MS, TICK_PHASE_MS, bursty, pauses, seconds

LIGHT, HEAVY = (level.redundancy for level in LEVELS)


def after(control: RedundancyControl, share: float, reports: int) -> Redundancy:
    for _ in range(reports):
        redundancy = control.report(1000, round(1000 * share))
    return redundancy


def test_loss_switches_copies_on_within_two_reports_and_more_loss_more_of_them() -> None:
    assert after(RedundancyControl(), 0.0, 10) == NO_REDUNDANCY
    assert after(RedundancyControl(), 0.03, 2) == LIGHT
    assert after(RedundancyControl(), 0.2, 2) == HEAVY


def test_copies_go_off_slowly_and_one_level_at_a_time() -> None:
    control = RedundancyControl()
    after(control, 0.2, 5)
    seen = [control.report(1000, 0) for _ in range(40)]
    assert [seen[0], seen[-1]] == [HEAVY, NO_REDUNDANCY]
    assert seen == sorted(seen, key=lambda redundancy: -len(redundancy.packets_back))
    assert seen.count(HEAVY) >= 5
    assert seen.count(LIGHT) >= 5


def test_between_the_thresholds_nothing_changes() -> None:
    control = RedundancyControl()
    assert after(control, 0.015, 30) == NO_REDUNDANCY
    after(control, 0.04, 5)
    assert after(control, 0.015, 30) == LIGHT


def test_a_report_of_hardly_any_packets_says_nothing() -> None:
    control = RedundancyControl()
    assert control.report(3, 3) == NO_REDUNDANCY
    assert control.loss == 0


def loop(lost_at: list[bool], controlled: bool) -> tuple[JitterBuffer, list[Packet]]:
    """A sender, a line that loses, a receiver that reports once a second, for as many frames as there are entries."""
    engine = TinyEngine()
    encoder, buffer, control = StreamEncoder(engine, 8), JitterBuffer(FRAME_MS), RedundancyControl()
    reception, sent = Reception(), []
    for frame, lost in enumerate(lost_at):
        (packet,) = encoder.push([0.5] * engine.config.hop)  # type: ignore[arg-type]
        sent.append(packet)
        if not lost:
            packet = Packet.from_bytes(packet.to_bytes())
            buffer.push(packet, frame * FRAME_MS)
            reception.count(packet.sequence)
        buffer.pop(frame * FRAME_MS + TICK_PHASE_MS, pauses(frame * FRAME_MS / 1000))
        if controlled and frame % 75 == 74:
            encoder.redundancy = control.report(*reception.take())
    return buffer, sent


def test_a_lossy_line_recovers_most_of_what_it_loses_and_a_whole_one_carries_no_copies() -> None:
    lost = bursty(0.1, length=2.0)
    lossy = [lost() for _ in range(seconds(60))]
    bare, _ = loop(lossy, controlled=False)
    buffer, sent = loop(lossy, controlled=True)
    assert buffer.lost < 0.4 * bare.lost
    assert buffer.recovered > 0.6 * bare.lost
    assert sum(len(packet.copies) for packet in sent[150:]) > 1.5 * len(sent[150:])
    _, clean = loop([False] * seconds(60), controlled=True)
    assert not any(packet.copies for packet in clean)


def test_copies_end_some_time_after_the_loss() -> None:
    lost = bursty(0.2)
    _, sent = loop([lost() and frame < seconds(10) for frame in range(seconds(50))], controlled=True)
    assert sent[seconds(10)].copies
    assert not any(packet.copies for packet in sent[seconds(45) :])

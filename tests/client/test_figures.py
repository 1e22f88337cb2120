from __future__ import annotations

from dataclasses import replace

import pytest

from client.figures import Figures, percent
from server.protocol import Stats

STATS = Stats(
    uplink_frames=95, uplink_lost=4, uplink_dropped=1, payload_kbps=6.0, wire_kbps=13.2, encode_rtf=0.2, decode_rtf=0.1,
    downlink_played=80, downlink_concealed=3, downlink_noise=2, playout_delay_ms=26.0,
)  # fmt: skip


def test_nothing_measured() -> None:
    figures = Figures()
    assert figures.mean("encode_rtf") is None
    assert figures.total("uplink_lost") == 0
    assert figures.round_trip_ms is None
    assert figures.uplink_loss_percent == 0


def test_means_leave_out_the_seconds_alone() -> None:
    figures = Figures()
    figures.add_stats(replace(STATS, payload_kbps=0.0), in_conversation=False)
    figures.add_stats(STATS, in_conversation=True)
    figures.add_stats(replace(STATS, payload_kbps=3.0), in_conversation=True)
    assert figures.mean("payload_kbps") == 4.5


def test_counters_are_the_latest_ones() -> None:
    figures = Figures()
    figures.add_stats(STATS, in_conversation=True)
    figures.add_stats(replace(STATS, uplink_frames=190, uplink_lost=10, uplink_dropped=6), in_conversation=False)
    assert figures.total("uplink_lost") == 10
    assert figures.uplink_loss_percent == pytest.approx(100 * 16 / 200)


def test_the_round_trip_is_not_spoilt_by_one_slow_answer() -> None:
    assert Figures(round_trips_ms=[1.0, 2.0, 900.0]).round_trip_ms == 2.0


def test_percent_of_nothing() -> None:
    assert percent(0, 0) == 0

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from client.call import Call, CallPlan
from client.clip import Clip
from client.frame import CODEC
from client.progress import status_text
from client.report import Report, report_of
from server.protocol import Codec, Joined, Participant, PeerJoined, PeerLeft, Room, Stats

PLAN = CallPlan("http://localhost:8080", room="kitchen", name="Ann", bitrate_kbps=6.0)
JOINED = Joined(1, "s1", (), Room("kitchen", 6.0, (3.0, 6.0), ()), Codec("0" * 16, "base", "onnx", 24_000, 320))
STATS = Stats(100, 0, 0, 6.0, 13.2, 0.21, 0.12, 80, 3, 2, 26.0)


async def finished_call() -> Call:
    call = Call(PLAN, Clip(np.ones(10 * CODEC.hop, np.float32)))
    call.joined, call.joined_at, call.ended_at, call.outcome = JOINED, 100.0, 112.5, "other-left"
    call.names = {"s2": "Ben"}
    call.bitrate_kbps = 6.0
    call.figures.sent_frames = 900
    call.figures.add_stats(STATS, in_conversation=True)
    call.figures.round_trips_ms = [4.0]
    return call


async def test_json_has_every_figure_and_units_in_its_names() -> None:
    report = json.loads(report_of(await finished_call(), None, Path("out.wav")).to_json())
    assert list(report) == [field.name for field in fields(Report)]
    assert report["others"] == ["Ben"]
    assert report["recording"] == "out.wav"
    assert (report["call_seconds"], report["sent_seconds"]) == (12.5, 12.0)
    assert (report["payload_kbps"], report["wire_kbps"], report["bitrate_kbps"]) == (6.0, 13.2, 6.0)
    assert (report["playout_delay_ms"], report["round_trip_ms"], report["delay_ms"]) == (26.0, 4.0, 30.0)
    units = ("_seconds", "_frames", "_percent", "_kbps", "_rtf", "_ms", "interruptions")
    assert all(name.endswith(units) for name, value in report.items() if type(value) in (int, float))


async def test_text_for_a_person() -> None:
    text = report_of(await finished_call(), None, Path("out.wav")).to_text()
    parts = ("kitchen with Ben", "other-left", "payload 6.00", "encode 0.210", "smaller is better", "30 ms", "out.wav")
    assert [part for part in parts if part not in text] == []


async def test_a_call_that_never_was() -> None:
    report = report_of(Call(PLAN, Clip(np.zeros(1, np.float32))), "no server", None)
    assert (report.session, report.error, report.outcome, report.call_seconds) == (None, "no server", "failed", 0.0)
    assert report.delay_ms is None
    assert "delay  - ms" in report.to_text()


async def test_the_status_line_follows_the_call() -> None:
    call = Call(PLAN, Clip(np.ones(10 * CODEC.hop, np.float32)))
    assert status_text(call, 0.0) == "connecting to http://localhost:8080"
    call.joined, call.bitrate_kbps = JOINED, 6.0
    assert "waiting for someone" in status_text(call, 0.0)
    call._handle(PeerJoined(Participant("s2", "Ben", False)))
    assert status_text(call, 7.2) == "with Ben · 7 s · clip 0 % · hearing nothing · 6 kbit/s"
    call._handle(PeerLeft("s2", "left"))
    assert "has left" in status_text(call, 9.0)

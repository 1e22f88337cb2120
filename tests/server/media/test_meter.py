"""The figures of one second."""

from __future__ import annotations

import numpy as np
import pytest

from codec.packet import Packet
from server.media.downlink import Downlink
from server.media.frame import frame_to_bytes
from server.media.meter import Meter
from server.media.uplink import Uplink
from server.media.workers import CodecWorker
from tests.server.doubles import TinyEngine


@pytest.fixture
def uplink(engine: TinyEngine, worker: CodecWorker) -> Uplink:
    return Uplink(engine, worker, 8, False, lambda packet: None, lambda error: None)


async def speak(uplink: Uplink, frames: int) -> None:
    start = uplink.frames
    for sequence in range(start, start + frames):
        uplink.receive(frame_to_bytes(sequence, 0, np.zeros(320, np.float32)))
        await uplink.worker.call(lambda: None)


async def listen(downlink: Downlink, packets: int, model_id: int = 0x0123) -> None:
    for sequence in range(packets):
        downlink.receive(Packet(sequence, sequence, 1, ((0,),), model_id), now_ms=10.0 * sequence)
    for step in range(packets):
        downlink.tick(10.0 * step + 25.0)
        await downlink.worker.call(lambda: None)


async def test_rates_are_those_of_the_time_between_two_readings(uplink: Uplink) -> None:
    meter = Meter(TinyEngine.config, uplink, now=100.0)
    await speak(uplink, 20)
    first = meter.read(102.0)
    assert first.payload_kbps == pytest.approx(20 * 80 / 2 / 1000)
    assert first.wire_kbps == pytest.approx(20 * 22 * 8 / 2 / 1000)
    assert first.encode_rtf > 0
    await speak(uplink, 5)
    second = meter.read(103.0)
    assert second.payload_kbps == pytest.approx(5 * 80 / 1000)
    assert (first.uplink_frames, second.uplink_frames) == (20, 25)


async def test_redundancy_is_what_the_encoder_copies_now(uplink: Uplink) -> None:
    meter = Meter(TinyEngine.config, uplink, now=0.0)
    assert meter.read(1.0).redundancy == 0
    for _ in range(10):
        uplink.hear_loss(expected=75, lost=15)
    assert meter.read(2.0).redundancy == 2


async def test_a_second_without_anything_has_zeros(uplink: Uplink) -> None:
    stats = Meter(TinyEngine.config, uplink, now=0.0).read(1.0)
    assert (stats.payload_kbps, stats.encode_rtf, stats.decode_rtf, stats.playout_delay_ms) == (0, 0, 0, 0)
    assert (stats.downlink_played, stats.downlink_concealed, stats.downlink_noise) == (0, 0, 0)


async def test_the_ears_counters_go_on_with_another_voice(uplink: Uplink, engine: TinyEngine) -> None:
    meter = Meter(TinyEngine.config, uplink, now=0.0)
    for voice, seconds in ((1, 1.0), (2, 2.0)):
        downlink = Downlink(engine, uplink.worker, lambda message: True, lambda error: None, uplink.hear_loss)
        meter.follow(downlink)
        await listen(downlink, packets=4)
        stats = meter.read(seconds)
        assert stats.downlink_played == 4 * voice
        assert stats.playout_delay_ms == pytest.approx(25.0)
        assert stats.decode_rtf > 0
    meter.follow(None)
    assert meter.read(3.0).downlink_played == 8

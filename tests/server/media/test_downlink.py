"""From packets to messages."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from codec.packet import Packet, PacketError, short_model_id
from server.media.downlink import Downlink
from server.media.frame import Frame, frame_from_bytes
from server.media.workers import CodecWorker
from tests.server.doubles import TinyEngine

HOP = TinyEngine.config.hop
FRAME_MS = TinyEngine.config.frame_ms


class Ear:
    def __init__(self, engine: TinyEngine, worker: CodecWorker) -> None:
        self.frames: list[Frame] = []
        self.faults: list[Exception] = []
        self.reports: list[tuple[int, int]] = []
        self.full = False
        self.ticks = 0
        self.now = 1e9  # far ahead of the worker's own clock, which decides what is late
        self.downlink = Downlink(
            engine, worker, self._take, self.faults.append, self._hear_loss, clock=lambda: self.now
        )

    def _take(self, message: bytes) -> bool:
        if not self.full:
            self.frames.append(frame_from_bytes(message, HOP))
        return not self.full

    def _hear_loss(self, expected: int, lost: int) -> None:
        self.reports.append((expected, lost))

    def push(self, *sequences: int) -> None:
        for sequence in sequences:
            packet = Packet(sequence, sequence, 2, ((1023,), (0,)), short_model_id(TinyEngine.model_id))
            self.downlink.receive(packet, sequence * FRAME_MS)

    async def tick(self, times: int) -> list[int]:
        """The sequence numbers of all frames so far."""
        for _ in range(times):
            self.downlink.tick((self.ticks + 2) * FRAME_MS)
            self.ticks += 1
        await self.downlink.worker.call(lambda: None)
        return [frame.sequence for frame in self.frames]


@pytest.fixture
def ear(engine: TinyEngine, worker: CodecWorker) -> Ear:
    return Ear(engine, worker)


async def test_nothing_is_sent_before_the_first_packet(ear: Ear) -> None:
    assert await ear.tick(10) == []


async def test_a_frame_is_sent_for_each_tick_from_then_on(ear: Ear) -> None:
    ear.push(0, 1, 2)
    assert await ear.tick(5) == [0, 1, 2, 3, 4]
    assert np.all(ear.frames[0].pcm > 0.99)
    assert (ear.downlink.decoder.played, ear.downlink.decoder.concealed) == (3, 2)


async def test_a_lost_packet_is_concealed_in_its_place(ear: Ear) -> None:
    ear.push(0, 1, 3)
    assert await ear.tick(4) == [0, 1, 2, 3]
    assert (ear.downlink.decoder.played, ear.downlink.decoder.concealed) == (3, 1)


async def test_the_loss_on_the_line_is_reported_once_a_second(ear: Ear) -> None:
    for sequence in (number for number in range(150) if number not in (10, 80, 81)):
        ear.push(sequence)
        ear.downlink.tick((sequence + 1) * FRAME_MS)
    assert len(ear.reports) == 1
    ear.downlink.jitter.reception.take()
    assert ear.reports[0][1] == 1


async def test_a_packet_of_another_model_is_a_fault(ear: Ear) -> None:
    for sequence in (0, 1):
        ear.downlink.receive(Packet(sequence, sequence, 1, ((0,),), 0xFFFF), 0.0)
    await ear.tick(1)
    assert isinstance(ear.faults[0], PacketError)


async def test_a_full_channel_is_counted(ear: Ear) -> None:
    ear.push(0, 1)
    ear.full = True
    assert await ear.tick(2) == []
    ear.full = False
    assert await ear.tick(1) == [2]
    assert ear.downlink.unsent == 2


async def test_frames_the_worker_had_no_time_for_are_not_sent(ear: Ear) -> None:
    ear.push(0, 1, 2)
    ear.now = -1e9
    assert await ear.tick(2) == []
    ear.now = 1e9
    assert await ear.tick(1) == [2]
    assert ear.downlink.late == 2


async def test_both_ends_of_a_stream_run_on_its_thread(ear: Ear, engine: TinyEngine, worker: CodecWorker) -> None:
    ear.push(0, 1)
    await ear.tick(3)
    assert engine.threads == {1: {await worker.call(threading.get_ident)}}

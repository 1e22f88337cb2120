"""From messages to packets: order, loss, lateness, too much of it, and changes in mid-call."""

from __future__ import annotations

import numpy as np
import pytest

from codec.packet import Packet
from server.media.frame import frame_to_bytes
from server.media.uplink import BURST_FRAMES, Uplink
from server.media.workers import CodecWorker
from tests.server.doubles import TinyEngine

FRAME_SECONDS = TinyEngine.config.frame_ms / 1000


class Line:
    """An uplink with a clock to be moved, and what came over its line."""

    def __init__(self, engine: TinyEngine, worker: CodecWorker) -> None:
        self.packets: list[Packet] = []
        self.faults: list[Exception] = []
        self.now = 1000.0
        self.uplink = Uplink(engine, worker, 8, False, self.packets.append, self.faults.append, lambda: self.now)
        # the worker's own clock decides what is late; this test's clock is ahead of it
        self.now += 1e9

    def send(self, *sequences: int, step_seconds: float = FRAME_SECONDS) -> None:
        for sequence in sequences:
            self.now += step_seconds
            self.uplink.receive(frame_to_bytes(sequence, 0, np.zeros(320, np.float32)))

    async def indices(self) -> list[int]:
        await self.uplink.worker.call(lambda: None)
        return [packet.frame_index for packet in self.packets]


@pytest.fixture
def line(engine: TinyEngine, worker: CodecWorker) -> Line:
    return Line(engine, worker)


async def test_every_frame_becomes_a_packet(line: Line) -> None:
    line.send(*range(10))
    assert await line.indices() == [*range(10)]
    assert [packet.sequence for packet in line.packets] == [*range(10)]
    assert {packet.n_q for packet in line.packets} == {8}
    assert (line.uplink.frames, line.uplink.lost, line.uplink.dropped) == (10, 0, 0)


async def test_lost_frames_leave_a_gap_in_the_frame_index(line: Line) -> None:
    line.send(0, 1, 4, 5, 6)
    assert await line.indices() == [0, 1, 4, 5, 6]
    assert line.uplink.lost == 2


async def test_frames_that_changed_places_are_encoded_in_order(line: Line) -> None:
    line.send(0, 2, 1, 3)
    assert await line.indices() == [0, 1, 2, 3]
    assert line.uplink.lost == 0


async def test_late_and_double_frames_are_counted_and_dropped(line: Line) -> None:
    line.send(0, 1, 3, 4, 2, 4, 5)
    assert await line.indices() == [0, 1, 3, 4, 5]
    assert (line.uplink.lost, line.uplink.late) == (1, 2)


async def test_a_message_that_is_no_frame_is_counted_and_ignored(line: Line) -> None:
    line.uplink.receive(b"")
    line.uplink.receive(bytes(647))
    line.send(0)
    assert await line.indices() == [0]
    assert line.uplink.malformed == 2


async def test_frames_that_wait_too_long_are_dropped_and_counted(engine: TinyEngine, worker: CodecWorker) -> None:
    line = Line(engine, worker)
    line.now = 0.0  # by the worker's clock long ago
    line.send(0, 1, 2)
    assert await line.indices() == []
    assert line.uplink.dropped == 3
    line.now = 1e9
    line.send(3, 4)
    assert await line.indices() == [3, 4]


async def test_a_browser_can_not_make_more_sound_than_time_passes(line: Line) -> None:
    line.send(*range(200), step_seconds=0.0)
    sent = await line.indices()
    assert sent == [*range(BURST_FRAMES)]
    assert line.uplink.dropped == 200 - BURST_FRAMES
    line.send(*range(200, 210))
    assert (await line.indices())[BURST_FRAMES:] == [*range(200, 210)]


async def test_a_new_data_channel_may_count_from_zero(line: Line) -> None:
    line.send(0, 1, 2)
    line.uplink.restart()
    line.send(0, 1)
    assert await line.indices() == [0, 1, 2, 3, 4]
    assert line.uplink.lost == line.uplink.late == 0


async def test_the_bitrate_changes_at_the_frame_that_is_told(line: Line) -> None:
    line.send(0, 1)
    assert await line.uplink.set_n_q(3) == 2
    line.send(2, 3)
    await line.indices()
    assert [packet.n_q for packet in line.packets] == [8, 8, 3, 3]


async def test_denoising_begins_at_the_frame_that_is_told(line: Line) -> None:
    line.send(0, 1)
    assert await line.uplink.set_denoise(True) == 2
    line.send(2)
    await line.indices()
    assert [packet.denoised for packet in line.packets] == [False, False, True]


async def test_changes_before_the_first_frame_have_no_frame(line: Line) -> None:
    assert await line.uplink.set_n_q(3) is None
    assert await line.uplink.set_denoise(True) is None
    line.send(0)
    await line.indices()
    assert (line.packets[0].n_q, line.packets[0].denoised) == (3, True)


async def test_bits_and_bytes_are_counted(line: Line) -> None:
    line.send(0, 1, 2)
    await line.indices()
    assert line.uplink.payload_bits == 3 * 8 * 10
    assert line.uplink.wire_bytes == 3 * (12 + 10)


async def test_a_fault_of_the_codec_is_told(line: Line, engine: TinyEngine) -> None:
    engine.broken = True
    line.send(0)
    assert await line.indices() == []
    assert [str(fault) for fault in line.faults] == ["the engine was told to break"]

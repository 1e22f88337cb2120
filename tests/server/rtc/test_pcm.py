"""Transport `rtp`: frames as payloads of a track, and what else may come over one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest

from client.caller import Caller, offer_loopback
from client.frame import CODEC, Frame
from server.rtc.peer import Peer, PeerContext, PeerEvents
from server.rtc.rtp import build_rtp
from server.rtc.track import SoundTrack
from tests.server.doubles import PATIENCE_SECONDS, run_at_once


class Line:
    """A caller and the server's end, connected by transport `rtp`."""

    def __init__(self) -> None:
        offer_loopback()
        self.heard: asyncio.Queue[Frame] = asyncio.Queue()
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()
        self.opened = asyncio.Event()
        self.caller = Caller((), self.heard.put_nowait, "rtp")
        events = PeerEvents(self.opened.set, self.frames.put_nowait, lambda cause: None)
        self.server = Peer(PeerContext(events, run_at_once), (), True)

    async def connect(self) -> str:
        answer = await self.server.answer(await self.caller.offer(), "rtp")
        await self.caller.accept(answer)
        await self.caller.wait_open()
        await asyncio.wait_for(self.opened.wait(), PATIENCE_SECONDS)
        return answer

    @property
    def track(self) -> SoundTrack:
        return self.server._transport._track  # type: ignore[union-attr,no-any-return]

    async def send_until_heard(self, message: bytes) -> Frame:
        """The first packets may find the other end's connection not quite ready."""
        for _ in range(10 * PATIENCE_SECONDS):
            self.server.send(message)
            try:
                return await asyncio.wait_for(self.heard.get(), 0.1)
            except TimeoutError:
                continue
        raise AssertionError("nothing came")


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    yield line
    await line.caller.close()
    await line.server.close()


def frame(sequence: int) -> Frame:
    return Frame(sequence, 12345, np.arange(CODEC.hop, dtype=np.int16) + sequence % 1000)


async def test_frames_go_both_ways_sample_by_sample(line: Line) -> None:
    threads = threading.active_count()
    answer = await line.connect()
    assert line.server.transport == "rtp"
    assert "a=ptime:10" in answer
    for number in (3, 4, 2**32 - 1):
        while True:
            line.caller.send(frame(number))
            came = await asyncio.wait_for(line.frames.get(), PATIENCE_SECONDS)
            if came == frame(number).to_bytes():
                break
    heard = await line.send_until_heard(frame(9).to_bytes())
    assert (heard.sequence, heard.clock_ms) == (9, 12345)
    assert (heard.pcm == frame(9).pcm).all()
    assert threading.active_count() <= threads + 1, "the caller's aiortc decodes on a thread, the server must not"


async def test_packets_of_another_kind_are_ignored_and_broken_ones_counted(line: Line) -> None:
    await line.connect()
    track = line.track
    await track._take(b"\x80", 0)
    assert track.malformed == 1
    await track._take(build_rtp(track._payload_type + 1, 0, 0, 1, b"other"), 0)
    await track._take(build_rtp(track._payload_type, 0, 0, 1, b""), 0)
    assert await asyncio.wait_for(line.frames.get(), PATIENCE_SECONDS) == b""
    assert line.frames.empty()


async def test_each_source_has_its_own_statistics_and_only_the_last_is_kept(line: Line) -> None:
    await line.connect()
    track = line.track
    for ssrc in range(1000):
        await track._take(build_rtp(track._payload_type, 5, 0, ssrc, b"x"), 0)
    assert list(track._receiver._RTCRtpReceiver__remote_streams) == [999]
    assert list(track._dtls._rtp_router.ssrc_table) == [999]
    assert track._statistics.packets_received == 1


async def test_reports_tell_the_other_end_what_was_sent(line: Line) -> None:
    await line.connect()
    await line.send_until_heard(frame(0).to_bytes())
    stats = await line.track._sender.getStats()
    (outbound,) = [value for value in stats.values() if value.type == "outbound-rtp"]
    assert outbound.packetsSent >= 1
    assert outbound.bytesSent == 648 * outbound.packetsSent


async def test_nothing_is_sent_before_it_stands_nor_after_the_end(line: Line) -> None:
    assert not line.server.send(frame(0).to_bytes())
    await line.connect()
    await line.send_until_heard(frame(0).to_bytes())
    await line.server.close()
    assert not line.server.send(frame(1).to_bytes())

"""A call against the echo server: real sockets, no codec."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from client import call as call_module
from client.call import Call, CallPlan
from client.clip import Clip
from client.errors import CallError, PeerConnectionError, RefusedError, ServerGoneError, UnreachableError
from client.frame import CODEC, FULL_SCALE
from client.report import report_of
from server.protocol import Error, Join, Leave, SetBitrate
from tests.client.conftest import EchoServer

SECONDS = 0.8


@pytest.fixture
def hum() -> NDArray[np.float32]:
    """Loud, from its first sample on, and never the same."""
    times = np.arange(int(SECONDS * CODEC.sample_rate)) / CODEC.sample_rate
    return (0.5 * np.cos(2 * np.pi * (200 + 300 * times) * times)).astype(np.float32)


@pytest.fixture
def clip(hum: NDArray[np.float32]) -> Clip:
    return Clip(hum)


@pytest.fixture
def plan(echo_server: EchoServer) -> CallPlan:
    return CallPlan(echo_server.url, room="r", name="Ann")


async def test_a_call_plays_records_and_reports(
    echo_server: EchoServer, plan: CallPlan, hum: NDArray[np.float32]
) -> None:
    call = Call(replace(plan, denoise=True), Clip(hum))
    await call.run()
    assert call.outcome == "other-silent"
    assert echo_server.heard[0] == Join(1, "r", "Ann", None, True)
    assert isinstance(echo_server.heard[-1], Leave)

    sound = call.recorder.samples()
    start = int(np.flatnonzero(sound)[0])
    assert np.allclose(sound[start : start + len(hum)] / FULL_SCALE, hum, atol=1 / FULL_SCALE)

    report = report_of(call, None, None)
    assert report.others == ["Echo"]
    assert report.clip_played_seconds == pytest.approx(SECONDS, abs=1 / CODEC.frame_rate)
    assert (report.payload_kbps, report.wire_kbps, report.encode_rtf, report.decode_rtf) == (6.0, 9.0, 0.2, 0.1)
    assert report.uplink_loss_percent == pytest.approx(100 * 10 / 99)
    assert (report.downlink_lost_frames, report.downlink_concealed_frames) == (0, 3)
    assert report.round_trip_ms is not None
    assert report.delay_ms == pytest.approx(26.0 + report.round_trip_ms)


async def test_frames_that_were_lost_are_counted(echo_server: EchoServer, plan: CallPlan, clip: Clip) -> None:
    echo_server.lose_every = 5
    call = Call(plan, clip)
    await call.run()
    assert report_of(call, None, None).downlink_loss_percent == pytest.approx(20, abs=1.5)


async def test_the_limit_ends_a_call_with_nobody(echo_server: EchoServer, plan: CallPlan, clip: Clip) -> None:
    echo_server.alone = True
    call = Call(replace(plan, limit_seconds=0.7), clip)
    await call.run()
    assert call.outcome == "time-limit"
    assert not call.playing
    assert not call.recorder.samples().any()
    assert call.recorder.received > 0


async def test_hanging_up(plan: CallPlan, clip: Clip) -> None:
    call = Call(plan, clip)
    asyncio.get_running_loop().call_later(0.5, call.hang_up)
    await call.run()
    assert call.outcome == "interrupted"


async def test_the_server_closes_in_mid_call(echo_server: EchoServer, plan: CallPlan, clip: Clip) -> None:
    echo_server.close_after_frames = 30
    call = Call(plan, clip)
    with pytest.raises(ServerGoneError, match="server is gone"):
        await call.run()
    assert call.recorder.received > 0
    report = report_of(call, "gone", None)
    assert (report.outcome, report.error) == ("failed", "gone")


async def test_a_server_that_falls_silent_is_gone(
    echo_server: EchoServer, plan: CallPlan, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "PONG_SECONDS", 0.3)
    monkeypatch.setattr(call_module, "PING_SECONDS", 0.1)
    echo_server.answers_pings = False
    with pytest.raises(ServerGoneError, match="not answered"):
        await Call(plan, clip).run()


async def test_an_offer_without_an_answer(
    echo_server: EchoServer, plan: CallPlan, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "ANSWER_SECONDS", 0.2)
    echo_server.answers_offers = False
    with pytest.raises(PeerConnectionError, match="did not answer the offer"):
        await Call(plan, clip).run()


async def test_a_refusal_is_told_in_the_servers_words(echo_server: EchoServer, plan: CallPlan, clip: Clip) -> None:
    echo_server.refusal = Error("room-full", "this call already has 2 people")
    with pytest.raises(RefusedError, match="this call already has 2 people") as caught:
        await Call(plan, clip).run()
    assert caught.value.code == "room-full"


async def test_a_wish_for_another_bitrate_reaches_the_server(
    echo_server: EchoServer, plan: CallPlan, clip: Clip
) -> None:
    with pytest.raises(RefusedError, match="not that one"):
        await Call(replace(plan, bitrate_kbps=12.0), clip).run()
    assert SetBitrate(12.0) in echo_server.heard


async def test_a_server_with_other_frames(echo_server: EchoServer, plan: CallPlan, clip: Clip) -> None:
    echo_server.sample_rate = 48_000
    with pytest.raises(CallError, match="48000 Hz"):
        await Call(plan, clip).run()


async def test_no_server(clip: Clip) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"no server answers at ws://127.0.0.1:{port}/ws"):
        await Call(CallPlan(f"http://127.0.0.1:{port}", "r", "Ann"), clip).run()


async def test_another_kind_of_server(echo_server: EchoServer, plan: CallPlan, clip: Clip) -> None:
    with pytest.raises(UnreachableError, match="HTTP 404"):
        await Call(replace(plan, server=echo_server.url + "elsewhere"), clip).run()


async def test_tls_where_there_is_none(plan: CallPlan, clip: Clip) -> None:
    with pytest.raises(UnreachableError, match="perhaps the server speaks http, not https"):
        await Call(replace(plan, server=plan.server.replace("http:", "https:")), clip).run()


async def test_a_server_that_hangs_up(clip: Clip) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError, match="closed the connection"):
            await Call(CallPlan(f"http://127.0.0.1:{port}", "r", "Ann"), clip).run()


async def test_a_call_that_breaks_is_taken_up_again(echo_server: EchoServer, plan: CallPlan, clip: Clip) -> None:
    echo_server.close_after_frames = 30
    call = Call(replace(plan, reconnect_seconds=30), clip)
    await call.run()
    joins = [message for message in echo_server.heard if isinstance(message, Join)]
    assert [join.resume for join in joins] == [None, "comeback"]
    assert call.interruptions == 1
    assert call.outcome == "other-silent"
    assert clip.ended


async def test_a_call_that_was_never_made_is_not_tried_again(plan: CallPlan, clip: Clip) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    call = Call(replace(plan, server=url, reconnect_seconds=30), clip)
    with pytest.raises(UnreachableError):
        await call.run()
    assert call.interruptions == 0

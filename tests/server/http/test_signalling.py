"""Sockets: who may open one, what they may say, and what is said back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from server.protocol import (
    MESSAGE_LIMIT_BYTES,
    VERSION,
    Bitrate,
    Bye,
    Candidate,
    Denoise,
    IceServer,
    Join,
    Leave,
    Participant,
    PeerJoined,
    PeerLeft,
    Ping,
    Pong,
    SetBitrate,
    SetDenoise,
    Stats,
)
from tests.server.doubles import PATIENCE_SECONDS, PATIENT, Serve, TinyEngine


async def test_joined_says_all_there_is_to_know(serve: Serve) -> None:
    server = await serve(ice_servers=(IceServer(("stun:stun.example.org",)),))
    joined = await (await server.connect()).join("tea", "Ada", 4.5)
    assert joined.version == VERSION
    assert joined.ice_servers == (IceServer(("stun:stun.example.org",)),)
    assert (joined.room.name, joined.room.bitrate_kbps, joined.room.participants) == ("tea", 4.5, ())
    assert joined.room.bitrates_kbps == TinyEngine.config.bitrates_kbps
    assert (joined.codec.model_id, joined.codec.engine, joined.codec.preset) == (TinyEngine.model_id, "tiny", "base")
    assert (joined.codec.sample_rate, joined.codec.hop) == (24_000, 320)


async def test_two_see_each_other_come_and_go(serve: Serve) -> None:
    server = await serve()
    ada, bob = await server.connect(), await server.connect()
    first = await ada.join(name="Ada")
    second = await bob.join(name="Bob")
    assert second.room.participants == (Participant(first.session, "Ada", False),)
    assert await ada.hear() == PeerJoined(Participant(second.session, "Bob", False))
    await bob.say(Leave())
    assert await bob.hear() == Bye("left")
    assert await bob.closed()
    assert await ada.hear() == PeerLeft(second.session, "left")


async def test_a_third_is_told_that_the_room_is_full(serve: Serve) -> None:
    server = await serve()
    ada, bob, eve = [await server.connect() for _ in range(3)]
    await ada.join()
    await bob.join()
    await eve.say(Join(VERSION, "r", "Eve"))
    assert (await eve.hear_error()).code == "room-full"
    assert await eve.closed()
    assert server.node.rooms.seats_taken == 2


async def test_a_full_node_says_so(serve: Serve) -> None:
    server = await serve(max_sessions=2)
    ada, bob, eve = [await server.connect() for _ in range(3)]
    await ada.join("q")
    await bob.join("r")
    await eve.say(Join(VERSION, "s", "Eve"))
    assert (await eve.hear_error()).code == "node-full"
    assert await eve.closed()


async def test_a_socket_that_dies_frees_its_seat_and_the_other_hears_of_it(serve: Serve) -> None:
    server = await serve(replace(PATIENT, media_seconds=0.2))
    ada, bob = await server.connect(), await server.connect()
    await ada.join()
    session = (await bob.join()).session
    await ada.hear()
    bob.socket._response.connection.transport.abort()
    assert await ada.hear() == PeerLeft(session, "vanished")
    assert server.node.rooms.seats_taken == 1
    await (await server.connect()).join()


async def test_a_socket_that_answers_no_ping_is_dead(serve: Serve) -> None:
    server = await serve(replace(PATIENT, heartbeat_seconds=1.0, media_seconds=0.2))
    client = await server.connect()
    client.socket._autoping = False
    await client.join()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while server.node.rooms.seats_taken:
            await asyncio.sleep(0.05)


async def test_the_bitrate_changes_for_both(serve: Serve) -> None:
    server = await serve()
    ada, bob = await server.connect(), await server.connect()
    await ada.join(bitrate_kbps=3)
    session = (await bob.join(bitrate_kbps=12)).session
    await ada.hear()
    await bob.say(SetBitrate(7.5))
    assert await ada.hear() == await bob.hear() == Bitrate(7.5, session, None)
    assert server.node.media.n_q(7.5) == 10
    await bob.say(SetBitrate(7.4))
    error = await bob.hear_error()
    assert error.code == "bitrate"
    assert "0.75, 1.5, 2.25" in error.text
    await ada.say(Ping(1))
    assert await ada.hear() == Pong(1)


async def test_denoising_is_told_to_both(serve: Serve) -> None:
    server = await serve()
    ada, bob = await server.connect(), await server.connect()
    session = (await ada.join()).session
    await ada.say(SetDenoise(True))
    assert await ada.hear() == Denoise(session, True, None)
    assert (await bob.join()).room.participants == (Participant(session, "Ada", True),)
    await ada.hear()
    await ada.say(SetDenoise(False))
    assert await ada.hear() == await bob.hear() == Denoise(session, False, None)


async def test_figures_come_by_themselves(serve: Serve) -> None:
    server = await serve(replace(PATIENT, stats_seconds=0.01))
    ada = await server.connect()
    await ada.join()
    for _ in range(3):
        assert isinstance(await ada.hear_any(), Stats)


BEFORE_JOIN = [
    ("hello", "malformed", True),
    (b"\x00", "malformed", True),
    ('{"type":"jump"}', "malformed", True),
    ('{"type":"join","version":1,"room":"r"}', "malformed", True),
    ('{"type":"join","version":9}', "version", True),
    ('{"type":"join","version":1,"room":"r","name":"n","bitrate_kbps":5}', "bitrate", True),
    ('{"type":"ping","id":1}', "state", False),
    ('{"type":"bye"}', "state", False),
    ('{"type":"offer","sdp":""}', "state", False),
]


@pytest.mark.parametrize(("text", "code", "closes"), BEFORE_JOIN, ids=lambda value: str(value)[:30])
async def test_before_the_join(serve: Serve, text: str | bytes, code: str, closes: bool) -> None:
    server = await serve()
    client = await server.connect()
    await (client.socket.send_bytes(text) if isinstance(text, bytes) else client.socket.send_str(text))
    error = await client.hear_error()
    assert error.code == code
    if closes:
        assert await client.closed()
        assert server.node.rooms.seats_taken == 0
    else:
        await client.join()


AFTER_JOIN = [
    ("hello", "malformed", "not JSON"),
    (b"\x00", "malformed", "not binary"),
    ('{"type":"offer","sdp":"' + "x" * MESSAGE_LIMIT_BYTES + '"}', "malformed", "65536 bytes"),
    ('{"type":"ping"}', "malformed", "field id is missing"),
    ('{"type":"join","version":1,"room":"r","name":"n"}', "state", "second time"),
    ('{"type":"candidate","candidate":""}', "state", "before the offer"),
    ('{"type":"offer","sdp":""}', "sdp", "nothing else"),
    ('{"type":"offer","sdp":"nonsense"}', "sdp", "nothing else"),
    ('{"type":"offer","sdp":"v=0\\r\\nm=application x y z\\r\\n"}', "sdp", "offer is no SDP"),
    ('{"type":"offer","sdp":"v=0\\r\\nm=audio 9 UDP/TLS/RTP/SAVPF 0\\r\\n"}', "sdp", "DTLS"),
    ('{"type":"offer","sdp":"","transport":"tin cans"}', "malformed", "one of channel, rtp, opus"),
    (
        '{"type":"offer","sdp":"v=0\\r\\nm=audio 9 UDP/TLS/RTP/SAVPF 0\\r\\n","transport":"channel"}',
        "sdp",
        "must have one data channel and nothing else; it has audio",
    ),
    ('{"type":"offer","sdp":"v=0\\r\\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\\r\\n"}', "sdp", "DTLS"),
]


@pytest.mark.parametrize(("text", "code", "says"), AFTER_JOIN, ids=lambda value: str(value)[:40])
async def test_after_the_join_a_mistake_ends_nothing(serve: Serve, text: str | bytes, code: str, says: str) -> None:
    server = await serve()
    client = await server.connect()
    await client.join()
    await (client.socket.send_bytes(text) if isinstance(text, bytes) else client.socket.send_str(text))
    error = await client.hear_error()
    assert error.code == code
    assert says in error.text
    await client.say(Ping(7))
    assert await client.hear() == Pong(7)


async def test_a_candidate_that_is_none_is_refused(serve: Serve) -> None:
    server = await serve()
    client, sound = await server.connect(), server.sound()
    await client.join()
    await sound.open(client)
    far = "candidate:1 1 udp 1 192.0.2.1 65536 typ host"
    for candidate in ("candidate:x", "candidate:1 one udp 1 192.0.2.1 9 typ host", far):
        await client.say(Candidate(candidate, "0", 0))
        assert (await client.hear_error()).code == "sdp"


async def test_a_message_beyond_all_measure_closes_the_socket(serve: Serve) -> None:
    server = await serve()
    client = await server.connect()
    await client.join()
    await client.socket.send_str("x" * 5 * MESSAGE_LIMIT_BYTES)
    assert await client.closed()


async def test_a_flood_is_handled_in_order(serve: Serve) -> None:
    server = await serve()
    client = await server.connect()
    await client.join()
    for number in range(500):
        await client.say(Ping(number))
    assert [await client.hear() for _ in range(500)] == [Pong(number) for number in range(500)]


async def test_who_does_not_join_is_sent_away(serve: Serve) -> None:
    client = await (await serve(replace(PATIENT, join_seconds=0.2))).connect()
    error = await client.hear_error()
    assert (error.code, error.text) == ("state", "no join came within 0.2 s")
    assert await client.closed()


async def test_who_opens_no_way_for_sound_is_sent_away(serve: Serve) -> None:
    client = await (await serve(replace(PATIENT, open_seconds=0.2))).connect()
    await client.join()
    error = await client.hear_error()
    assert (error.code, error.text) == ("media", "no way for the sound was opened within 0.2 s")
    assert await client.closed()


async def test_shutdown_says_goodbye_to_everyone(serve: Serve) -> None:
    server = await serve()
    ada, bob, lurker = [await server.connect() for _ in range(3)]
    await ada.join()
    await bob.join()
    await ada.hear()
    server.node.shut_down()
    for client in (ada, bob, lurker):
        assert await client.hear() == Bye("shutdown")
        assert await client.closed()
    late = await server.connect()
    await late.say(Join(VERSION, "r", "Eve"))
    assert (await late.hear_error()).code == "draining"


async def test_pages_of_other_sites_may_not_open_a_socket(serve: Serve) -> None:
    server = await serve()
    for origin in ("https://elsewhere.example", "null", server.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await server.connect(Origin=origin)
        assert refused.value.status == 403
    await (await server.connect(Origin=server.url.rstrip("/"))).join()


async def test_a_fault_of_the_server_is_confessed_without_details(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve()
    ada, bob = await server.connect(), await server.connect()
    await ada.join()
    session = (await bob.join()).session
    await ada.hear()
    monkeypatch.setattr("server.session.session.Pong", lambda number: 1 / 0)
    await bob.say(Ping(1))
    error = await bob.hear_error()
    assert error.code == "internal"
    assert "division" not in error.text
    assert await ada.hear() == PeerLeft(session, "failed")
    assert "ZeroDivisionError" in caplog.text


async def test_an_offer_while_another_is_open_replaces_it(serve: Serve) -> None:
    server = await serve()
    client = await server.connect()
    await client.join()
    for _ in range(2):
        await server.sound().open(client)

"""Who loses the socket or the network comes back to the same seat, if soon; a seat is not kept for ever."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from server.protocol import Denoise, Leave, PeerJoined, PeerLeft, Ping, Pong, SetDenoise
from tests.server.doubles import PATIENCE_SECONDS, PATIENT, Serve, Server
from tests.server.test_call import call, level_heard


async def until(condition: object) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_a_new_socket_and_a_new_connection_take_the_same_seat_and_codec_state(serve: Serve) -> None:
    server = await serve()
    ada, bob = await server.connect(), await server.connect()
    joined = await ada.join(name="Ada")
    session = (await bob.join(name="Bob")).session
    await ada.hear()
    ada_sound, bob_sound = server.sound(), server.sound()
    await ada_sound.open(ada)
    await bob_sound.open(bob)
    await level_heard(ada_sound, bob_sound, 0.5)
    spoken = ada_sound.sent

    ada.break_off()
    again, new_sound = await server.connect(), server.sound()
    resumed = await again.resume(joined.resume)
    assert resumed.resumed
    assert (resumed.session, resumed.resume) == (joined.session, joined.resume)
    assert (resumed.room.name, [other.session for other in resumed.room.participants]) == ("r", [session])
    await new_sound.open(again)
    await level_heard(new_sound, bob_sound, -0.5)
    await level_heard(bob_sound, new_sound, 0.25)
    await again.say(SetDenoise(True))
    change = await bob.hear()  # and nothing else: for Bob, nobody left and nobody came
    assert isinstance(change, Denoise)
    assert change.session == joined.session
    assert change.frame is not None
    assert change.frame > 0.5 * spoken, "the encoder went on where it was"
    assert server.node.rooms.seats_taken == 2


async def test_a_socket_that_still_seems_open_is_replaced(serve: Serve) -> None:
    server = await serve()
    old, new = await server.connect(), await server.connect()
    joined = await old.join()
    assert (await new.resume(joined.resume)).resumed
    assert await old.closed()
    await new.say(Ping(1))
    assert await new.hear() == Pong(1)
    assert len(server.node.sessions) == 1


async def test_what_follows_the_join_on_the_new_socket_is_heard_in_order(serve: Serve) -> None:
    server = await serve()
    old, new = await server.connect(), await server.connect()
    joined = await old.join()
    await new.socket.send_str(f'{{"type":"join","version":1,"room":"r","name":"n","resume":"{joined.resume}"}}')
    for number in range(100):
        await new.say(Ping(number))
    assert (await new.hear()).resumed  # type: ignore[union-attr]
    assert [await new.hear() for _ in range(100)] == [Pong(number) for number in range(100)]


async def test_a_token_that_means_nothing_any_more_is_a_join_like_any_other(serve: Serve) -> None:
    server = await serve()
    ada, bob = await server.connect(), await server.connect()
    joined = await ada.join()
    await ada.say(Leave())
    await ada.hear()
    assert await ada.closed()
    fresh = await bob.resume(joined.resume)
    assert not fresh.resumed
    assert fresh.session != joined.session
    assert fresh.room.name == "elsewhere"
    assert fresh.resume not in ("", joined.resume)


async def test_a_seat_is_kept_for_a_bounded_time_only(serve: Serve) -> None:
    """The sound goes on; only the socket is missing."""
    server = await serve(replace(PATIENT, resume_seconds=0.5))
    (ada, ada_sound), (bob, bob_sound), session = await call(server)
    await level_heard(bob_sound, ada_sound, 0.5)
    bob.break_off()
    assert await ada.hear() == PeerLeft(session, "vanished")
    assert server.node.rooms.seats_taken == 1
    assert len(server.node.resumable) == 1
    await until(lambda: len(server.node.tasks) == 1)


async def test_without_sound_a_lost_client_is_missed_sooner(serve: Serve) -> None:
    server = await serve(replace(PATIENT, media_seconds=0.3))
    ada, bob = await server.connect(), await server.connect()
    await ada.join()
    session = (await bob.join()).session
    assert isinstance(await ada.hear(), PeerJoined)
    bob.break_off()
    assert await ada.hear() == PeerLeft(session, "vanished")


async def test_who_closes_the_socket_in_order_is_gone_at_once(serve: Serve) -> None:
    server = await serve()
    client = await server.connect()
    await client.join()
    await client.socket.close()
    await until(lambda: not server.node.rooms.seats_taken)


async def test_who_comes_back_in_the_moment_of_the_end_is_sent_away_and_may_try_again(serve: Serve) -> None:
    server = await serve()
    ada, late = await server.connect(), await server.connect()
    joined = await ada.join()
    (session,) = [each for each in server.node.sessions if each.id == joined.session]
    await late.say(Ping(0))  # it has a session of its own now
    await late.hear()
    (other,) = [each for each in server.node.sessions if each is not session]
    await ada.say(Leave())
    await until(lambda: not server.node.rooms.seats_taken)
    other._hand_over(session)
    await until(lambda: len(server.node.tasks) <= 1)
    session._let_go()
    assert await late.closed()


async def test_the_token_is_never_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server: Server = await serve()
    client, again = await server.connect(), await server.connect()
    joined = await client.join()
    client.break_off()
    await again.resume(joined.resume)
    assert joined.resume not in caplog.text
    assert joined.resume not in repr(joined)

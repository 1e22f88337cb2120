"""A check before a call: alone in a room of its own, one hears oneself, within the limits that hold for everybody."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import numpy as np
import pytest

from server.auth import Authority, Grant, Opening, Role, new_secret
from server.media.frame import frame_from_bytes
from server.protocol import VERSION, Bye, Join, Joined
from server.session import entrance
from tests.server.doubles import PATIENCE_SECONDS, Client, Serve, TinyEngine

CONFIG = TinyEngine.config
SECRET = new_secret()
LOOPBACK = (ip_network("127.0.0.0/8"),)


async def check(client: Client, room: str = "r", token: str | None = None) -> Joined:
    await client.say(Join(VERSION, room, "Ada", token=token, check=True))
    joined = await client.hear()
    assert isinstance(joined, Joined), joined
    return joined


async def test_one_hears_oneself_and_nobody_else_is_disturbed(serve: Serve) -> None:
    server = await serve()
    bob, ada, sound = await server.connect(), await server.connect(), server.sound()
    await bob.join(name="Bob")
    joined = await check(ada)
    assert joined.room.participants == ()
    assert joined.room.name != "r"
    await sound.open(ada)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            sound.send(0.5)
            await asyncio.sleep(CONFIG.frame_ms / 1000)
            heard = [sound.heard.get_nowait() for _ in range(sound.heard.qsize())]
            if any(abs(np.median(frame_from_bytes(each, CONFIG.hop).pcm) - 0.5) < 0.05 for each in heard):
                break
    assert [len(room.members) for room in server.node.rooms] == [1, 1]
    eve = await server.connect()
    assert (await eve.join(name="Eve")).room.participants[0].name == "Bob"


async def test_it_needs_the_right_to_the_room_that_it_names(serve: Serve) -> None:
    server = await serve(token_secret=SECRET)
    token = Authority(SECRET, Opening.NOBODY).issue(Grant(Role.CALLER, "r"), 3600)
    for room, given in (("r", None), ("attic", token)):
        stranger = await server.connect()
        await stranger.say(Join(VERSION, room, "Eve", token=given, check=True))
        assert (await stranger.hear_error()).code == "unauthorized"
    await check(await server.connect(), token=token)
    assert server.node.rooms.seats_taken == 1


async def test_it_takes_a_seat_like_any_other(serve: Serve) -> None:
    server = await serve(max_sessions=2)
    for _ in range(2):
        await check(await server.connect())
    late = await server.connect()
    await late.say(Join(VERSION, "r", "Eve", check=True))
    assert (await late.hear_error()).code == "node-full"


async def test_one_address_may_not_check_without_end(serve: Serve) -> None:
    server = await serve(max_sessions=8, open=True, trusted_proxies=LOOPBACK)
    for _ in range(entrance.CHECKS_PER_ADDRESS):
        await check(await server.connect(**{"X-Forwarded-For": "192.0.2.1"}))
    third = await server.connect(**{"X-Forwarded-For": "192.0.2.1"})
    await third.say(Join(VERSION, "r", "Eve", check=True))
    assert (await third.hear_error()).code == "address-full"
    await check(await server.connect(**{"X-Forwarded-For": "192.0.2.2"}))
    await (await server.connect(**{"X-Forwarded-For": "192.0.2.1"})).join()


async def test_it_ends_by_itself(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "CHECK_SECONDS", 0.2)
    server = await serve()
    client = await server.connect()
    await check(client)
    assert await client.hear() == Bye("time-limit")
    assert await client.closed()
    assert server.node.rooms.seats_taken == 0

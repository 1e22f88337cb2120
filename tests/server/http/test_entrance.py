"""Who gets into a room: tokens over the socket, and a server that is open to its own machine only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.auth import Authority, Grant, Opening, Role, new_secret
from server.protocol import VERSION, Bye, Join, PeerJoined, SetBitrate
from tests.server.doubles import PATIENT, Serve

SECRET = new_secret()
AUTHORITY = Authority(SECRET, Opening.NOBODY)


def token(room: str = "r", name: str | None = None, lifetime: float = 3600, **limits: float) -> str:
    return AUTHORITY.issue(Grant(Role.CALLER, room, name, **limits), lifetime)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "wants a token"),
        ("nonsense", "can't be used"),
        (token("attic"), "another room"),
        (token(lifetime=-60), "expired"),
        (AUTHORITY.issue(Grant(Role.OPS, name="root"), 3600), "takes no part"),
        (Authority(new_secret()).issue(Grant(Role.CALLER, "r"), 3600), "not signed"),
    ],
    ids=["none", "nonsense", "other-room", "expired", "ops", "forged"],
)
async def test_without_right_there_is_no_way_into_a_room(serve: Serve, given: str | None, says: str) -> None:
    server = await serve(token_secret=SECRET)
    client = await server.connect()
    await client.say(Join(VERSION, "r", "Eve", token=given))
    error = await client.hear_error()
    assert error.code == "unauthorized"
    assert says in error.text
    assert await client.closed()
    assert server.node.rooms.seats_taken == 0


async def test_a_token_lets_in_under_its_own_name(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    server = await serve(token_secret=SECRET)
    ada, bob = await server.connect(), await server.connect()
    await ada.say(Join(VERSION, "r", "Ada", token=token()))
    await ada.hear()
    await bob.say(Join(VERSION, "r", "Ada again", token=token(name="Bob")))
    await bob.hear()
    joined = await ada.hear()
    assert isinstance(joined, PeerJoined)
    assert joined.participant.name == "Bob"
    assert token()[:20] not in caplog.text
    assert SECRET not in caplog.text


async def test_a_token_may_bound_the_bitrate(serve: Serve) -> None:
    server = await serve(token_secret=SECRET)
    greedy, modest = await server.connect(), await server.connect()
    await greedy.say(Join(VERSION, "r", "Ada", 12, token=token(max_kbps=4)))
    error = await greedy.hear_error()
    assert (error.code, "allows 4 kbit/s at most" in error.text) == ("bitrate", True)
    await modest.say(Join(VERSION, "r", "Ada", token=token(max_kbps=4)))
    assert (await modest.hear()).room.bitrate_kbps == 3.75  # type: ignore[union-attr]
    await modest.say(SetBitrate(6))
    assert (await modest.hear_error()).code == "bitrate"


async def test_a_token_may_bound_the_time(serve: Serve) -> None:
    client = await (await serve(replace(PATIENT), token_secret=SECRET)).connect()
    await client.say(Join(VERSION, "r", "Ada", token=token(max_seconds=0.2)))
    await client.hear()
    assert await client.hear() == Bye("time-limit")
    assert await client.closed()


@pytest.mark.parametrize(
    "headers",
    [{"Host": "call.example.org"}, {"X-Forwarded-For": "127.0.0.1"}, {"Via": "1.1 caddy"}],
    ids=["other-name", "forwarded", "via"],
)
async def test_what_is_open_to_this_machine_is_so_to_no_proxy(serve: Serve, headers: dict[str, str]) -> None:
    server = await serve()
    client = await server.connect(**headers)
    await client.say(Join(VERSION, "r", "Eve"))
    error = await client.hear_error()
    assert (error.code, "own machine only" in error.text) == ("unauthorized", True)
    opened = await serve(open=True)
    await (await opened.connect(**headers)).join()

"""How much one client, one address and everybody together may have."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import aiohttp
import pytest

from server.http.allowance import Allowance
from server.protocol import VERSION, Candidate, Error, Join, Offer, Ping
from server.protocol.messages import CANDIDATE_LIMIT, SDP_LIMIT, TOKEN_LIMIT
from server.rtc.offer import MOST_CANDIDATES
from server.session import Visitor
from tests.server.doubles import PATIENT, Serve

LOOPBACK = (ip_network("127.0.0.0/8"),)


def test_an_allowance_grows_with_time_up_to_its_most() -> None:
    allowance = Allowance(2.0, 3, now_seconds=100.0)
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(100.5), allowance.take(100.5)] == [True, False]
    assert [allowance.take(1000.0) for _ in range(4)] == [True, True, True, False]


async def test_who_talks_too_fast_is_sent_away(serve: Serve) -> None:
    server = await serve(replace(PATIENT, messages_per_second=0.001, messages_at_once=5))
    client = await server.connect()
    await client.join()
    for number in range(5):
        await client.say(Ping(number))
    heard = [await client.hear() for _ in range(5)]
    assert [message.code for message in heard if isinstance(message, Error)] == ["rate"]
    assert await client.closed()
    assert server.node.rooms.seats_taken == 0


@pytest.mark.parametrize(
    "message",
    [
        Join(VERSION, "r", "n", token="x" * (TOKEN_LIMIT + 1)),
        Offer("x" * (SDP_LIMIT + 1)),
        Candidate("x" * (CANDIDATE_LIMIT + 1)),
    ],
    ids=lambda message: message.type,
)
async def test_a_field_that_is_too_long_is_named(serve: Serve, message: Join | Offer | Candidate) -> None:
    client = await (await serve()).connect()
    await client.join()
    await client.say(message)
    error = await client.hear_error()
    assert error.code == "malformed"
    assert "characters" in error.text


async def test_candidates_come_to_an_end(serve: Serve) -> None:
    server = await serve()
    client, sound = await server.connect(), server.sound()
    await client.join()
    await sound.open(client)
    for number in range(MOST_CANDIDATES + 1):
        await client.say(Candidate(f"candidate:1 1 udp 1 192.0.2.1 {1000 + number} typ host", "0", 0))
    error = await client.hear_error()
    assert (error.code, error.text) == ("sdp", f"more than {MOST_CANDIDATES} candidates came")


async def test_one_address_has_not_all_the_seats(serve: Serve) -> None:
    server = await serve(max_sessions=8, open=True, seats_per_address=2, trusted_proxies=LOOPBACK)
    for number in range(2):
        await (await server.connect(**{"X-Forwarded-For": "192.0.2.1"})).join(room=f"r{number}")
    third = await server.connect(**{"X-Forwarded-For": "192.0.2.1"})
    await third.say(Join(VERSION, "r2", "Eve"))
    assert (await third.hear_error()).code == "address-full"
    await (await server.connect(**{"X-Forwarded-For": "192.0.2.2"})).join(room="r2")


async def test_one_address_has_not_all_the_sockets(serve: Serve) -> None:
    limits = replace(PATIENT, sockets_per_address=3)
    server = await serve(limits, open=True, seats_per_address=1, trusted_proxies=LOOPBACK)
    for _ in range(3):
        await server.connect(**{"X-Forwarded-For": "2001:db8::1"})
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.connect(**{"X-Forwarded-For": "2001:db8::2"})  # a neighbour in the same household
    assert refused.value.status == 429
    assert server.node.books.refusals["too-many-sockets"] == 1
    await server.connect(**{"X-Forwarded-For": "2001:db8:0:1::1"})
    await server.connect()


async def test_rooms_come_to_an_end(serve: Serve) -> None:
    server = await serve(max_rooms=1)
    await (await server.connect()).join()
    second = await server.connect()
    await second.say(Join(VERSION, "other", "Bob"))
    error = await second.hear_error()
    assert (error.code, error.text) == ("node-full", "this server is full: all 1 rooms are in use")
    await (await server.connect()).join()


@pytest.mark.parametrize(
    ("address", "household"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("", ""),
    ],
)
def test_who_shares_limits_with_whom(address: str, household: str) -> None:
    assert Visitor(address, local=False).household == household

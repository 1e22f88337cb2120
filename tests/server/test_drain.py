"""Drain: who is told, who is refused, and what happens at the deadline."""

from __future__ import annotations

import asyncio

import pytest

from server.protocol import VERSION, Bye, Draining, Join, PeerLeft, Ping, Pong
from server.session.drain import Drain
from tests.server.doubles import Serve


async def test_a_drain_lets_calls_go_on_and_takes_no_new_ones(serve: Serve) -> None:
    server = await serve()
    ada, bob, late = [await server.connect() for _ in range(3)]
    session = (await ada.join()).session
    server.node.drain(600)
    assert await ada.hear() == Draining(600)
    await bob.say(Join(VERSION, "r", "Bob"))
    error = await bob.hear_error()
    assert (error.code, "no new calls" in error.text) == ("draining", True)
    assert await bob.closed()
    await ada.say(Ping(1))
    assert await ada.hear() == Pong(1)
    async with server.get("/readyz") as response:
        assert response.status == 503
        assert "what still runs in 600 s is ended" in (await response.json())["reasons"][0]
    async with server.get("/healthz") as response:
        assert response.status == 200

    server.node.undrain()
    assert await ada.hear() == Draining(None)
    await late.join(name="Eve")
    await ada.hear()
    await ada.socket.close()
    left = await late.hear()
    assert isinstance(left, PeerLeft)
    assert left.session == session
    async with server.get("/readyz") as response:
        assert response.status == 200


async def test_at_the_deadline_everything_ends(serve: Serve) -> None:
    server = await serve()
    ada, lurker = await server.connect(), await server.connect()
    await ada.join()
    server.node.drain(0.2)
    assert await ada.hear() == Draining(0.2)
    assert await ada.hear() == await lurker.hear() == Bye("shutdown")
    assert await ada.closed()
    await server.node.drained()
    assert server.node.draining  # until somebody undrains it


async def test_a_node_is_drained_once_its_last_call_has_ended(serve: Serve) -> None:
    server = await serve()
    ada = await server.connect()
    await ada.join()
    server.node.drain(600)
    drained = asyncio.create_task(server.node.drained())
    await asyncio.sleep(0)
    assert not drained.done()
    await ada.socket.close()
    await drained


async def test_an_undrained_node_ends_nothing_later(serve: Serve) -> None:
    server = await serve()
    ada = await server.connect()
    await ada.join()
    server.node.undrain()  # nothing to call off
    server.node.drain(0.05)
    server.node.undrain()
    await asyncio.sleep(0.1)
    assert await ada.hear() == Draining(0.05)
    assert await ada.hear() == Draining(None)
    await ada.say(Ping(1))
    assert await ada.hear() == Pong(1)


async def test_another_deadline_takes_the_place_of_the_first() -> None:
    ends: list[float] = []
    drain = Drain(lambda: ends.append(1))
    assert drain.seconds_left is None
    drain.begin(0.01)
    drain.begin(600)
    await asyncio.sleep(0.05)
    assert ends == []
    assert drain.seconds_left == pytest.approx(600, abs=60)
    drain.call_off()
    assert not drain.active

"""The impaired event loop, with real sockets on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from client.load.impairment import NO_IMPAIRMENT, Impairment
from client.load.network import ImpairedLoop, new_event_loop

DATAGRAMS = 200
PATIENCE_SECONDS = 30


class Ears(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: list[int] = []
        self.more = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.append(int.from_bytes(data))
        self.more.set()


def hold(
    impairment: Impairment, scene: Callable[[], Coroutine[Any, Any, Any]]
) -> tuple[asyncio.AbstractEventLoop, Any]:
    loop = new_event_loop(impairment, seed=1)
    try:
        return loop, loop.run_until_complete(asyncio.wait_for(scene(), PATIENCE_SECONDS))
    finally:
        loop.close()


async def send_all(until: Callable[[list[int]], bool]) -> list[int]:
    loop = asyncio.get_running_loop()
    receiving, ears = await loop.create_datagram_endpoint(Ears, local_addr=("127.0.0.1", 0))
    address = receiving.get_extra_info("sockname")
    sending, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    for number in range(DATAGRAMS):
        sending.sendto(number.to_bytes(2), address)
        await asyncio.sleep(0)
    while not until(ears.heard):
        ears.more.clear()
        await ears.more.wait()
    sending.close()
    receiving.close()
    return ears.heard


def test_without_an_impairment_the_loop_is_an_ordinary_one() -> None:
    loop, heard = hold(NO_IMPAIRMENT, lambda: send_all(lambda heard: len(heard) == DATAGRAMS))
    assert not isinstance(loop, ImpairedLoop)
    assert heard == list(range(DATAGRAMS))


def test_loss_counts_on_both_ways() -> None:
    async def scene() -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ImpairedLoop)
        return await send_all(lambda heard: loop.out.lost + loop.back.lost + len(heard) == DATAGRAMS)

    loop, heard = hold(Impairment(loss_percent=30), scene)
    assert isinstance(loop, ImpairedLoop)
    assert loop.out.lost + loop.out.passed == DATAGRAMS
    assert loop.back.lost + loop.back.passed == loop.out.passed
    assert len(heard) == loop.back.passed
    assert len(heard) / DATAGRAMS == pytest.approx(0.49, abs=0.12)


def test_delay_comes_twice_and_jitter_overtakes() -> None:
    async def scene() -> tuple[float, list[int]]:
        began = asyncio.get_running_loop().time()
        heard = await send_all(lambda heard: len(heard) == DATAGRAMS)
        return asyncio.get_running_loop().time() - began, heard

    _, (seconds, heard) = hold(Impairment(delay_ms=50, jitter_ms=20), scene)
    assert seconds >= 0.099  # timers count in ms
    assert heard != sorted(heard)
    assert sorted(heard) == list(range(DATAGRAMS))

"""The pace, with a clock that a test moves."""

from __future__ import annotations

import asyncio

import pytest

from server.media.clock import Pacer


class Clock:
    """Sleeping moves it, by as much as was asked for and the oversleep of that turn."""

    def __init__(self, oversleep_ms: list[float]) -> None:
        self.now_ms = 0.0
        self._oversleep_ms = iter(oversleep_ms)

    async def sleep(self, seconds: float) -> None:
        more_ms = next(self._oversleep_ms, None)
        if more_ms is None:
            raise asyncio.CancelledError
        self.now_ms += seconds * 1000 + more_ms


class Listener:
    def __init__(self) -> None:
        self.ticks: list[float] = []

    def tick(self, now_ms: float) -> None:
        self.ticks.append(now_ms)


async def ticks(oversleep_ms: list[float], catch_up: int = 4) -> list[float]:
    clock, listener = Clock(oversleep_ms), Listener()
    pacer = Pacer(10.0, catch_up, lambda: clock.now_ms, clock.sleep)
    pacer.add(listener)
    with pytest.raises(asyncio.CancelledError):
        await pacer.run()
    return listener.ticks


async def test_ticks_keep_to_the_schedule_whatever_each_sleep_adds() -> None:
    assert await ticks([1, 3, 0, 2, 0]) == [11, 23, 30, 42, 50]


async def test_a_short_stall_is_caught_up() -> None:
    assert await ticks([0, 25, 0, 0, 0, 0]) == [10, 45, 45, 45, 50, 60]


async def test_a_long_stall_is_let_go() -> None:
    assert await ticks([0, 500, 0, 0]) == [10, 520, 520, 530]


async def test_a_member_that_fails_is_dropped_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Listener):
        def tick(self, now_ms: float) -> None:
            super().tick(now_ms)
            raise ZeroDivisionError

    clock, broken, whole = Clock([0, 0, 0]), Broken(), Listener()
    pacer = Pacer(10.0, 4, lambda: clock.now_ms, clock.sleep)
    for member in (broken, whole):
        pacer.add(member)
    with pytest.raises(asyncio.CancelledError):
        await pacer.run()
    assert (len(broken.ticks), len(whole.ticks)) == (1, 3)
    assert "could not be paced" in caplog.text


async def test_who_has_left_is_not_called() -> None:
    clock, listener = Clock([0, 0]), Listener()
    pacer = Pacer(10.0, 4, lambda: clock.now_ms, clock.sleep)
    pacer.add(listener)
    pacer.discard(listener)
    pacer.discard(listener)
    with pytest.raises(asyncio.CancelledError):
        await pacer.run()
    assert listener.ticks == []

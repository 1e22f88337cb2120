"""Calls leave nothing behind: counted, not timed. `python -m tests.server.leaks` does it at length, with memory."""

from __future__ import annotations

import asyncio
import threading

import aiohttp

from tests.server.doubles import PATIENCE_SECONDS, Serve
from tests.server.leaks import Footprint, hold_call

CALLS = 6


def _held(footprint: Footprint) -> tuple[int, int, int]:
    """Tasks, threads, sockets."""
    return len(asyncio.all_tasks()), threading.active_count(), footprint.sockets


async def test_calls_leave_no_task_thread_socket_or_seat_behind(serve: Serve) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        await hold_call(http, server.url, "warm-up", frames=3)
        await _settled(server.node.sessions)
        before = _held(Footprint.of("self"))
        for number in range(CALLS):
            await hold_call(http, server.url, f"call-{number}", frames=3)
        await _settled(server.node.sessions)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(now > then for now, then in zip(_held(Footprint.of("self")), before, strict=True)):
                await asyncio.sleep(0.1)
    assert (len(server.node.rooms), server.node.rooms.seats_taken, len(server.node.resumable)) == (0, 0, 0)


async def _settled(sessions: set[object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sessions:
            await asyncio.sleep(0.05)

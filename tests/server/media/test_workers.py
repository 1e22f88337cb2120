"""Codec threads: order, affinity, batches, deadlines, faults."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from server.media.workers import CodecWorker, CodecWorkers, Job


class Hold:
    """A job that keeps the worker busy until it is let go."""

    def __init__(self, worker: CodecWorker) -> None:
        self.began, self.go = threading.Event(), threading.Event()
        worker.submit(Job(self._wait, ignore, ignore))

    def _wait(self) -> None:
        self.began.set()
        self.go.wait(60)


def ignore(_: object) -> None:
    pass


async def drained(worker: CodecWorker) -> None:
    """Returns when everything that was submitted has been done and delivered."""
    await worker.call(lambda: None)


async def test_work_runs_elsewhere_and_results_come_home_in_order(worker: CodecWorker) -> None:
    results: list[tuple[int, bool, bool]] = []
    home = threading.get_ident()

    def work(number: int) -> Callable[[], tuple[int, bool]]:
        return lambda: (number, threading.get_ident() == home)

    for number in range(50):
        worker.submit(Job(work(number), lambda r: results.append((*r, threading.get_ident() == home)), ignore))
    await drained(worker)
    assert results == [(number, False, True) for number in range(50)]


async def test_all_jobs_of_a_worker_run_on_one_thread(worker: CodecWorker) -> None:
    assert len({await worker.call(threading.get_ident) for _ in range(20)}) == 1


async def test_what_waits_comes_back_in_one_delivery(worker: CodecWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries = []
    loop = asyncio.get_running_loop()
    call_home = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda f, r: (deliveries.append(len(r)), call_home(f, r)))
    hold = Hold(worker)
    hold.began.wait(60)
    for _ in range(9):
        worker.submit(Job(lambda: None, ignore, ignore))
    last = asyncio.ensure_future(worker.call(lambda: None))
    await asyncio.sleep(0)
    hold.go.set()
    await last
    assert deliveries == [1, 10]


async def test_work_that_waited_beyond_its_deadline_is_not_done(worker: CodecWorker) -> None:
    results: list[str] = []
    hold = Hold(worker)
    now = time.monotonic()
    worker.submit(Job(lambda: "done", results.append, ignore, lambda: "late", deadline=now - 1))
    worker.submit(Job(lambda: "done", results.append, ignore, lambda: "late", deadline=now + 1000))
    worker.submit(Job(lambda: "done", results.append, ignore, None, deadline=now - 1))
    hold.go.set()
    await drained(worker)
    assert results == ["late", "done", "done"]


async def test_a_fault_is_told_and_the_worker_goes_on(worker: CodecWorker) -> None:
    faults: list[Exception] = []
    worker.submit(Job(lambda: 1 / 0, ignore, faults.append))
    await drained(worker)
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
    assert worker.alive


async def test_a_call_raises_what_its_work_raised(worker: CodecWorker) -> None:
    with pytest.raises(ZeroDivisionError):
        await worker.call(lambda: 1 / 0)


async def test_a_result_nobody_waits_for_is_dropped(worker: CodecWorker) -> None:
    hold = Hold(worker)
    waiting = asyncio.ensure_future(worker.call(lambda: 1))
    await asyncio.sleep(0)
    waiting.cancel()
    hold.go.set()
    await drained(worker)
    assert waiting.cancelled()


async def test_a_fault_in_one_delivery_does_not_stop_the_others(worker: CodecWorker) -> None:
    results: list[int] = []
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    hold = Hold(worker)
    worker.submit(Job(lambda: 0, lambda zero: results.append(1 // zero), ignore))
    worker.submit(Job(lambda: 2, results.append, ignore))
    hold.go.set()
    await drained(worker)
    assert results == [2]
    assert isinstance(told[0]["exception"], ZeroDivisionError)


async def test_closing_ends_the_thread_and_drops_what_waits() -> None:
    worker = CodecWorker("codec-test")
    hold, results = Hold(worker), list[int]()
    hold.began.wait(60)
    worker.submit(Job(lambda: 1, results.append, ignore))
    closing = asyncio.ensure_future(asyncio.to_thread(worker.close))
    while not worker._closing:
        await asyncio.sleep(0)
    hold.go.set()
    await closing
    assert not worker.alive
    assert results == []


async def test_streams_are_spread_over_the_workers() -> None:
    workers = CodecWorkers(2)
    try:
        first, second, third = workers.bind(), workers.bind(), workers.bind()
        assert first is not second
        assert third in (first, second)
        workers.release(second)
        workers.release(third)
        workers.release(first)
        assert {workers.bind(), workers.bind()} == {first, second}
        assert workers.alive
    finally:
        workers.close()
    assert not workers.alive

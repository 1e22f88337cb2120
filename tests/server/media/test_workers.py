"""Codec threads: order, affinity, batches, deadlines, faults."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

import numpy as np
import pytest

from codec.config import CodecConfig
from codec.packet import Packet
from codec.stream import StreamDecoder, StreamEncoder
from server.cpus import usable_cpus
from server.media import workers as workers_module
from server.media.jobs import Call, DecodeJob, EncodeJob
from server.media.workers import CodecWorker, CodecWorkers, WorkerOptions
from tests.server.doubles import TinyEngine

HOP = CodecConfig().hop
NEVER = float("inf")


class Hold:
    """Keeps the worker busy until it is let go."""

    def __init__(self, worker: CodecWorker) -> None:
        self.began, self.go = threading.Event(), threading.Event()
        self._worker = worker
        worker.submit(Call(self._wait, ignore, ignore))

    def release(self) -> None:
        """Lets it go, and hands it all that was submitted meanwhile at once."""
        self._worker._wake()
        self.go.set()

    def _wait(self) -> None:
        self.began.set()
        self.go.wait(60)


class Step:
    """A job without a network step, which writes down when it was done."""

    def __init__(self, name: str, log: list[str], deadline: float = NEVER, stream: object = None) -> None:
        self.name, self.log, self.deadline, self.stream = name, log, deadline, stream or self

    def begin(self) -> None:
        self.log.append(self.name)

    def finish(self, result: Any, seconds: float) -> None:
        assert (result, seconds) == (None, 0.0)

    def pass_over(self) -> None:
        self.log.append(f"{self.name} too late")

    def deliver(self) -> None:
        self.log.append(f"{self.name} delivered")

    def fail(self, error: Exception) -> None:
        self.log.append(f"{self.name}: {error}")


def ignore(_: object) -> None:
    pass


async def drained(worker: CodecWorker) -> None:
    """Returns when everything that was submitted has been done and delivered."""
    await worker.call(lambda: None)


def frame(level: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.full(HOP, level, np.float32)


async def test_all_jobs_of_a_worker_run_on_one_thread_elsewhere(worker: CodecWorker) -> None:
    threads = {await worker.call(threading.get_ident) for _ in range(20)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


async def test_results_come_home_in_order_on_the_event_loop(worker: CodecWorker) -> None:
    results: list[tuple[int, int]] = []
    for number in range(50):
        worker.submit(Call(lambda n=number: n, lambda n: results.append((n, threading.get_ident())), ignore))
    await drained(worker)
    assert results == [(number, threading.get_ident()) for number in range(50)]


async def test_what_waits_comes_back_in_one_delivery(worker: CodecWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries = []
    loop = asyncio.get_running_loop()
    call_home = loop.call_soon_threadsafe
    monkeypatch.setattr(workers_module, "DELIVER_SECONDS", NEVER)
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda f, r: (deliveries.append(len(r)), call_home(f, r)))
    hold = Hold(worker)
    hold.began.wait(60)
    for _ in range(9):
        worker.submit(Call(lambda: None, ignore, ignore))
    last = asyncio.ensure_future(worker.call(lambda: None))
    await asyncio.sleep(0)
    hold.release()
    await last
    assert deliveries == [1, 10]


async def test_much_work_is_delivered_bit_by_bit(worker: CodecWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "DELIVER_SECONDS", 0.0)
    hold, log = Hold(worker), list[str]()
    hold.began.wait(60)
    first_is_home = threading.Event()
    worker.submit(Call(lambda: None, lambda _: first_is_home.set(), ignore))
    worker.submit(Call(lambda: log.append("home" if first_is_home.wait(60) else "waiting"), ignore, ignore))
    hold.release()
    await drained(worker)
    assert log == ["home"]


async def test_the_earliest_deadline_comes_first(worker: CodecWorker) -> None:
    hold, log = Hold(worker), list[str]()
    hold.began.wait(60)
    soon = time.monotonic() + 1000
    for name, deadline in (("c", soon + 3), ("a", soon + 1), ("b", soon + 2), ("a2", soon + 1)):
        worker.submit(Step(name, log, deadline))
    hold.release()
    await drained(worker)
    assert log[:4] == ["a", "a2", "b", "c"]


async def test_work_that_waited_beyond_its_deadline_is_not_done(worker: CodecWorker) -> None:
    hold, log = Hold(worker), list[str]()
    now = time.monotonic()
    worker.submit(Step("a", log, now - 1))
    worker.submit(Step("b", log, now + 1000))
    hold.release()
    await drained(worker)
    assert log == ["a too late", "b", "a delivered", "b delivered"]
    assert worker.late == 1


async def test_a_fault_is_told_and_the_worker_goes_on(worker: CodecWorker) -> None:
    faults: list[Exception] = []
    worker.submit(Call(lambda: 1 / 0, ignore, faults.append))
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
    hold.release()
    await drained(worker)
    assert waiting.cancelled()


async def test_a_fault_in_one_delivery_does_not_stop_the_others(worker: CodecWorker) -> None:
    results: list[int] = []
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    hold = Hold(worker)
    worker.submit(Call(lambda: 0, lambda zero: results.append(1 // zero), ignore))
    worker.submit(Call(lambda: 2, results.append, ignore))
    hold.release()
    await drained(worker)
    assert results == [2]
    assert isinstance(told[0]["exception"], ZeroDivisionError)


async def test_closing_ends_the_thread_and_drops_what_waits(engine: TinyEngine) -> None:
    worker = CodecWorker(engine, "codec-test")
    hold, results = Hold(worker), list[int]()
    hold.began.wait(60)
    worker.submit(Call(lambda: 1, results.append, ignore))
    closing = asyncio.ensure_future(asyncio.to_thread(worker.close))
    while not worker._closing:
        await asyncio.sleep(0)
    hold.go.set()
    await closing
    assert not worker.alive
    assert results == []


class Counting(TinyEngine):
    """Remembers how many steps came together."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def encode_many(self, steps: Any) -> Any:
        self.batches.append(len(steps))
        return super().encode_many(steps)

    def decode_many(self, steps: Any) -> Any:
        self.batches.append(len(steps))
        return super().decode_many(steps)


@pytest.mark.parametrize(("batch", "expected"), [(1, [1] * 10), (4, [4, 4, 2]), (8, [5, 5])], ids="up-to-{}".format)
async def test_due_steps_of_many_streams_are_computed_together(batch: int, expected: list[int]) -> None:
    engine = Counting()
    worker = CodecWorker(engine, "codec-test", WorkerOptions(batch))
    encoders = [StreamEncoder(engine, 4) for _ in range(5)]
    sizes: list[list[Packet] | None] = []
    hold = Hold(worker)
    hold.began.wait(60)
    soon = time.monotonic() + 1000
    for turn in range(2):
        for encoder in encoders:
            worker.submit(EncodeJob(encoder, frame(0.5), 0, soon + turn, sizes.append, pytest.fail))
    hold.release()
    await drained(worker)
    assert engine.batches == expected
    assert [encoder.frame_index for encoder in encoders] == [2] * 5
    assert len(sizes) == worker.steps == 10
    worker.close()


async def test_two_frames_of_a_stream_are_never_in_one_batch() -> None:
    engine = Counting()
    worker = CodecWorker(engine, "codec-test", WorkerOptions(8))
    encoder, decoder = StreamEncoder(engine, 4), StreamDecoder(engine)
    packets, sounds = list[Any](), list[Any]()
    hold = Hold(worker)
    hold.began.wait(60)
    for number in range(3):
        worker.submit(EncodeJob(encoder, frame(number / 4), 0, NEVER, packets.append, pytest.fail))
        worker.submit(DecodeJob(decoder, None, NEVER, sounds.append, pytest.fail))
    hold.release()
    await drained(worker)
    assert engine.batches == [1, 1, 1]  # the decoder had nothing to decode
    assert (len(packets), len(sounds), decoder.noise) == (3, 3, 3)
    worker.close()


async def test_a_call_sees_the_steps_before_it_finished() -> None:
    engine = Counting()
    worker = CodecWorker(engine, "codec-test", WorkerOptions(8))
    encoder = StreamEncoder(engine, 4)
    hold = Hold(worker)
    hold.began.wait(60)
    worker.submit(EncodeJob(encoder, frame(0.5), 0, NEVER, ignore, pytest.fail))
    asked = asyncio.ensure_future(worker.call(lambda: encoder.frame_index))
    await asyncio.sleep(0)
    hold.release()
    assert await asked == 1
    worker.close()


async def test_a_stream_that_fails_leaves_the_others_of_its_batch_alone(engine: TinyEngine) -> None:
    worker = CodecWorker(engine, "codec-test", WorkerOptions(8))
    good, bad = StreamEncoder(engine, 4), StreamEncoder(engine, 4)
    bad.push(frame(0)[:7])  # half a frame waits: the next whole one can't be begun
    done, faults = list[Any](), list[Exception]()
    hold = Hold(worker)
    hold.began.wait(60)
    for encoder in (bad, good):
        worker.submit(EncodeJob(encoder, frame(0.5), 0, NEVER, done.append, faults.append))
    hold.release()
    await drained(worker)
    assert len(done) == len(faults) == 1
    worker.close()


async def test_the_cost_of_a_batch_is_shared_fairly() -> None:
    class Slow(Counting):
        def encode_many(self, steps: Any) -> Any:
            until = time.thread_time() + 0.01
            while time.thread_time() < until:
                pass
            return super().encode_many(steps)

    engine = Slow()
    worker = CodecWorker(engine, "codec-test", WorkerOptions(8))
    encoders = [StreamEncoder(engine, 4) for _ in range(4)]
    hold = Hold(worker)
    hold.began.wait(60)
    for encoder in encoders:
        worker.submit(EncodeJob(encoder, frame(0.5), 0, NEVER, ignore, pytest.fail))
    hold.release()
    await drained(worker)
    assert engine.batches == [4]
    assert {encoder.compute_seconds for encoder in encoders} == {worker.compute_seconds / 4}
    assert worker.compute_seconds >= 0.01
    worker.close()


async def test_streams_are_spread_over_the_workers(engine: TinyEngine) -> None:
    workers = CodecWorkers(engine, 2)
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


async def test_pinned_workers_stay_on_their_cpus(engine: TinyEngine) -> None:
    workers, cpus = CodecWorkers(engine, 3, pinned=True), usable_cpus()
    try:
        seen = [await worker.call(lambda: os.sched_getaffinity(0)) for worker in workers.workers]
    finally:
        workers.close()
    assert seen == [{cpus[number % len(cpus)]} for number in range(3)]
    assert usable_cpus() == cpus

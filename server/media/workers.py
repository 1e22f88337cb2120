"""Codec threads: all network arithmetic of a stream happens on one of them, off the event loop.

A worker takes everything that waits, does it with the earliest deadline first, and hands the results to the event loop
in one call, or every few milliseconds where it is much: so many streams cost one wake-up each way, not one each. Waking
a thread costs as much as a third of a frame's arithmetic; so a worker that was woken a moment ago is woken again only
after a pause, for all that has come meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from queue import SimpleQueue
from typing import Any, TypeVar

from codec.engine.base import DecodeStep, EncodeStep, Engine
from server.cpus import usable_cpus
from server.media.histogram import STEP_BOUNDS, Histogram
from server.media.jobs import Call, Job

T = TypeVar("T")
Step = EncodeStep | DecodeStep
Begun = list[tuple[Job, Step]]
Outcome = Callable[[], None]  # for the event loop

GATHER_SECONDS = 0.004  # the least time between two wake-ups of a worker
DELIVER_SECONDS = 0.004  # results wait no longer than this for those after them

_by_deadline = attrgetter("deadline")


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """`batch`: how many streams' steps are computed in one call of the engine. `cpu`: pinned to this one."""

    batch: int = 1
    cpu: int | None = None


class CodecWorker:
    """One thread. `streams` counts those bound to it; the other counters only grow."""

    def __init__(self, engine: Engine, name: str, options: WorkerOptions | None = None) -> None:
        self.streams = 0
        self.steps = 0  # network steps that were computed
        self.late = 0  # jobs that were passed over, for their deadline had gone by
        self.compute_seconds = 0.0  # thread CPU time within the engine
        self.encode_seconds = Histogram(STEP_BOUNDS)  # the same, step by step
        self.decode_seconds = Histogram(STEP_BOUNDS)
        self._engine = engine
        self._options = options or WorkerOptions()
        self._loop = asyncio.get_running_loop()
        self._gathered: list[Job] = []  # not handed to the thread yet
        self._woken_at = float("-inf")
        self._waker: asyncio.TimerHandle | None = None
        self._inbox: SimpleQueue[list[Job]] = SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, job: Job) -> None:
        """Queues a job; from the event loop only."""
        self._gathered.append(job)
        if self._waker is None:
            pause = self._woken_at + GATHER_SECONDS - self._loop.time()
            if pause <= 0:
                self._wake()
            else:
                self._waker = self._loop.call_later(pause, self._wake)

    async def call(self, work: Callable[[], T]) -> T:
        """Runs `work` on the worker's thread, in turn with the jobs, and gives its result or raises its error."""
        future: asyncio.Future[T] = self._loop.create_future()

        def done(result: T) -> None:
            if not future.done():
                future.set_result(result)

        def failed(error: Exception) -> None:
            if not future.done():
                future.set_exception(error)

        self.submit(Call(work, done, failed))
        return await future

    def close(self) -> None:
        """Ends the thread after what it does at the moment; what waits is dropped."""
        self._closing = True
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        if self._waker is not None:
            self._waker.cancel()
            self._waker = None
        self._woken_at = self._loop.time()
        jobs, self._gathered = self._gathered, []
        self._inbox.put(jobs)

    def _run(self) -> None:
        if self._options.cpu is not None:
            os.sched_setaffinity(0, {self._options.cpu})  # 0: this thread, not the process
        while (jobs := self._take()) is not None:
            outcomes, since = list[Outcome](), time.monotonic()
            for group in self._groups(jobs):
                outcomes += self._do(group)
                now = time.monotonic()
                if now - since > DELIVER_SECONDS:
                    if not self._hand_over(outcomes):
                        return
                    outcomes, since = [], now
            if outcomes and not self._hand_over(outcomes):
                return

    def _take(self) -> list[Job] | None:
        """Everything that waits; None when the worker is to end."""
        jobs = self._inbox.get()
        while not self._inbox.empty():
            jobs += self._inbox.get()
        return None if self._closing else jobs

    def _groups(self, jobs: list[Job]) -> Iterator[list[Job]]:
        """Earliest deadline first: as many together as may be computed together, of each stream one."""
        jobs.sort(key=_by_deadline)
        while jobs and not self._closing:
            group, jobs = ([jobs[0]], jobs[1:]) if self._options.batch == 1 else self._split(jobs)
            yield group

    def _split(self, jobs: list[Job]) -> tuple[list[Job], list[Job]]:
        """The first group and the rest. A call, which may look at any stream, is a group of its own."""
        group, rest, seen = list[Job](), list[Job](), set[object]()
        if isinstance(jobs[0], Call):
            return jobs[:1], jobs[1:]
        for job in jobs:
            fits = len(group) < self._options.batch and job.stream not in seen and not isinstance(job, Call)
            (group if fits else rest).append(job)
            seen.add(job.stream)
        return group, rest

    def _do(self, group: list[Job]) -> list[Outcome]:
        """Does the jobs of a group; what becomes of them."""
        outcomes, encodes, decodes = list[Outcome](), list[tuple[Job, Step]](), list[tuple[Job, Step]]()
        now = time.monotonic()
        for job in group:
            try:
                if now > job.deadline:
                    self.late += 1
                    job.pass_over()
                elif (step := job.begin()) is None:
                    job.finish(None, 0.0)
                else:
                    (encodes if isinstance(step, EncodeStep) else decodes).append((job, step))
                    continue
                outcomes.append(job.deliver)
            except Exception as error:
                outcomes.append(_failure(job, error))
        if encodes:
            outcomes += self._compute(self._engine.encode_many, encodes, self.encode_seconds)
        if decodes:
            outcomes += self._compute(self._engine.decode_many, decodes, self.decode_seconds)
        return outcomes

    def _compute(self, many: Callable[[list[Any]], list[Any]], begun: Begun, sizes: Histogram) -> list[Outcome]:
        started = time.thread_time()
        try:
            results = many([step for _, step in begun])
        except Exception as error:
            return [_failure(job, error) for job, _ in begun]
        seconds = time.thread_time() - started
        self.steps += len(begun)
        self.compute_seconds += seconds
        sizes.observe(seconds / len(begun), len(begun))
        outcomes = list[Outcome]()
        for (job, _), result in zip(begun, results, strict=True):
            try:
                job.finish(result, seconds / len(begun))
                outcomes.append(job.deliver)
            except Exception as error:
                outcomes.append(_failure(job, error))
        return outcomes

    def _hand_over(self, outcomes: list[Outcome]) -> bool:
        """False where nobody waits for them: the event loop is closed."""
        try:
            self._loop.call_soon_threadsafe(_deliver, outcomes)
        except RuntimeError:
            return False
        return True


def _failure(job: Job, error: Exception) -> Outcome:
    return lambda: job.fail(error)


def _deliver(outcomes: list[Outcome]) -> None:
    loop = asyncio.get_running_loop()
    for outcome in outcomes:
        try:
            outcome()
        except Exception as error:
            loop.call_exception_handler({"message": "a codec result could not be delivered", "exception": error})


class CodecWorkers:
    """The node's codec threads. A stream is bound to the one with the fewest."""

    def __init__(self, engine: Engine, count: int, batch: int = 1, pinned: bool = False) -> None:
        cpus = usable_cpus()
        self.workers = [
            CodecWorker(engine, f"codec-{number}", WorkerOptions(batch, cpus[number % len(cpus)] if pinned else None))
            for number in range(count)
        ]

    @property
    def alive(self) -> bool:
        return all(worker.alive for worker in self.workers)

    @property
    def late(self) -> int:
        """Jobs that were passed over, for their deadline had gone by."""
        return sum(worker.late for worker in self.workers)

    def bind(self) -> CodecWorker:
        """The worker for a new stream; to be given back with `release`."""
        worker = min(self.workers, key=lambda worker: worker.streams)
        worker.streams += 1
        return worker

    def release(self, worker: CodecWorker) -> None:
        worker.streams -= 1

    def close(self) -> None:
        for worker in self.workers:
            worker.close()

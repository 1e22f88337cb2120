"""Codec threads: all network arithmetic of a stream happens on one of them, off the event loop.

A worker takes everything that waits, runs it in order, and hands the results to the event loop in one call: so many
streams cost one wake-up each way, not one each.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """One step of a stream. `work` and `late` run on the worker's thread, `done` and `failed` on the event loop.

    A job that begins after `deadline` (seconds of time.monotonic) does `late` instead of `work`.
    """

    work: Callable[[], T]
    done: Callable[[T], None]
    failed: Callable[[Exception], None]
    late: Callable[[], T] | None = None
    deadline: float = inf

    def run(self) -> Callable[[], None]:
        """Does the work; what it returns is for the event loop."""
        try:
            late = self.late if time.monotonic() > self.deadline else None
            result = (late or self.work)()
        except Exception as error:
            return _bind(self.failed, error)
        return _bind(self.done, result)


def _bind(callback: Callable[[T], None], value: T) -> Callable[[], None]:
    return lambda: callback(value)


class CodecWorker:
    """One thread. `streams` counts those bound to it."""

    def __init__(self, name: str) -> None:
        self.streams = 0
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[Job[object]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, job: Job[T]) -> None:
        """Queues a job; from the event loop only."""
        with self._wake:
            self._jobs.append(job)  # type: ignore[arg-type]  # a queue of jobs of every kind
            self._wake.notify()

    async def call(self, work: Callable[[], T]) -> T:
        """Runs `work` on the worker's thread, in turn with the jobs, and gives its result or raises its error."""
        future: asyncio.Future[T] = self._loop.create_future()

        def done(result: T) -> None:
            if not future.done():
                future.set_result(result)

        def failed(error: Exception) -> None:
            if not future.done():
                future.set_exception(error)

        self.submit(Job(work, done, failed))
        return await future

    def close(self) -> None:
        """Ends the thread after what it does at the moment; what waits is dropped."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._take():
            results = [job.run() for job in batch]
            try:
                self._loop.call_soon_threadsafe(_deliver, results)
            except RuntimeError:  # the event loop is closed: nobody waits for results
                return

    def _take(self) -> list[Job[object]]:
        """Everything that waits; empty when the worker is to end."""
        with self._wake:
            self._wake.wait_for(lambda: self._jobs or self._closing)
            if self._closing:
                return []
            batch = list(self._jobs)
            self._jobs.clear()
            return batch


def _deliver(results: list[Callable[[], None]]) -> None:
    loop = asyncio.get_running_loop()
    for result in results:
        try:
            result()
        except Exception as error:
            loop.call_exception_handler({"message": "a codec result could not be delivered", "exception": error})


class CodecWorkers:
    """The node's codec threads. A stream is bound to the one with the fewest."""

    def __init__(self, count: int) -> None:
        self._workers = [CodecWorker(f"codec-{number}") for number in range(count)]

    @property
    def alive(self) -> bool:
        return all(worker.alive for worker in self._workers)

    def bind(self) -> CodecWorker:
        """The worker for a new stream; to be given back with `release`."""
        worker = min(self._workers, key=lambda worker: worker.streams)
        worker.streams += 1
        return worker

    def release(self, worker: CodecWorker) -> None:
        worker.streams -= 1

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

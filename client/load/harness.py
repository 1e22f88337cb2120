"""Runs a load test: starts the load processes, follows them, watches the server, and gathers what was measured."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from client.errors import CallError
from client.load import process
from client.load.plan import LoadPlan
from client.load.server_process import Sample, ServerProcess
from client.load.sides import ProcessFigures, ProcessResult, Progress, Side

READY_SECONDS = 60.0
START_SECONDS = 0.2  # from the word that all are ready to the first call
FINISH_SECONDS = 120.0  # for the goodbyes and the judging after the last frame
TICK_SECONDS = 0.5


class HarnessError(CallError):
    """The load processes could not be had."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How the test stood at `at` seconds after its start."""

    at: float
    up: int
    failed: int
    frames: int
    server: Sample | None


@dataclass(slots=True)
class Outcome:
    """All that one test gave. `start` is its zero, in seconds of the monotonic clock."""

    plan: LoadPlan
    start: float = 0.0
    interrupted: bool = False
    sides: list[Side] = field(default_factory=list)
    processes: list[ProcessFigures] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    died: int = 0  # load processes that ended without a result


class Harness:
    """One test, run once. `tell` hears how it goes, twice a second."""

    def __init__(self, plan: LoadPlan, server: ServerProcess | None, tell: Callable[[Moment], None]) -> None:
        self._server = server
        self._tell = tell
        self._progress: dict[Connection, Progress] = {}
        self._running: dict[Connection, BaseProcess] = {}
        self._stop = False
        self.outcome = Outcome(plan)

    def stop(self) -> None:
        """Ends all calls now; `run` then gathers what there is. May be called from a signal handler."""
        self._stop = True

    def run(self) -> Outcome:
        """Raises HarnessError where no load process comes up."""
        try:
            self._begin()
            self._follow()
        finally:
            for child in self._running.values():
                child.kill()
                child.join()
        return self.outcome

    def _begin(self) -> None:
        plan = self.outcome.plan
        context = multiprocessing.get_context("spawn")
        with _without_interrupts():
            for number in range(min(plan.processes, plan.calls)):
                ours, theirs = context.Pipe()
                calls = list(range(number, plan.calls, plan.processes))
                child = context.Process(target=process.run, args=(plan, calls, number, theirs), daemon=True)
                child.start()
                theirs.close()
                self._running[ours] = child
        for connection in self._running:
            try:
                if not connection.poll(READY_SECONDS):
                    raise HarnessError(f"a load process was not ready within {READY_SECONDS:g} s")
                connection.recv()
            except (EOFError, ConnectionResetError):
                raise HarnessError("a load process ended before it began") from None
        self.outcome.start = time.monotonic() + START_SECONDS
        for connection in self._running:
            connection.send(self.outcome.start)

    def _follow(self) -> None:
        """Until every load process has given its result, or has had the time for it."""
        told = False
        patience = self.outcome.start + self.outcome.plan.total_seconds + FINISH_SECONDS
        next_tick = self.outcome.start
        while self._running and time.monotonic() < patience:
            for connection in wait(list(self._running), max(0.0, next_tick - time.monotonic())):
                assert isinstance(connection, Connection)
                self._take(connection)
            if time.monotonic() >= next_tick:
                self._look()
                next_tick += TICK_SECONDS
            if self._stop and not told:
                told = self.outcome.interrupted = True
                patience = time.monotonic() + FINISH_SECONDS
                for connection in self._running:
                    _say_stop(connection)
        self.outcome.died += len(self._running)

    def _take(self, connection: Connection) -> None:
        try:
            message = connection.recv()
        except (EOFError, OSError):  # of a message, it may have sent a part
            self.outcome.died += 1
            self._part(connection)
            return
        if isinstance(message, Progress):
            self._progress[connection] = message
        elif isinstance(message, ProcessResult):
            self.outcome.sides += message.sides
            self.outcome.processes.append(message.figures)
            self._part(connection)

    def _part(self, connection: Connection) -> None:
        child = self._running.pop(connection)
        child.join(FINISH_SECONDS)
        connection.close()

    def _look(self) -> None:
        states = self._progress.values()
        moment = Moment(
            time.monotonic() - self.outcome.start,
            sum(state.up for state in states),
            sum(state.failed for state in states),
            sum(state.frames for state in states),
            self._server.sample() if self._server else None,
        )
        self.outcome.moments.append(moment)
        self._tell(moment)


def _say_stop(connection: Connection) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it may be done already
        connection.send(process.STOP)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What is started inside is born deaf to Ctrl-C, which a terminal sends to all: they are to be told in order."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""The work of streams as codec workers see it: what is computed, by when, and who gets the result.

`begin`, `finish` and `pass_over` run on the worker's thread, `deliver` and `fail` on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from codec.engine.base import DecodeStep, EncodeStep, Pcm
from codec.packet import Packet
from codec.stream import StreamDecoder, StreamEncoder


class Job(Protocol):
    """One frame of one stream. A worker does the jobs of a `stream` in the order in which they came."""

    @property
    def stream(self) -> object: ...

    @property
    def deadline(self) -> float:
        """Seconds of time.monotonic(): a job that did not begin by then is passed over."""

    def begin(self) -> EncodeStep | DecodeStep | None:
        """The network step that it needs, if any."""

    def finish(self, result: Any, seconds: float) -> None:
        """Takes the step's result, None where there was no step, and what it cost."""

    def pass_over(self) -> None:
        """In place of the other two, when it is too late."""

    def deliver(self) -> None: ...

    def fail(self, error: Exception) -> None: ...


class EncodeJob:
    """A frame of a voice, `skipped` lost frames after the last. `done` gets its packets, or None if it was late."""

    __slots__ = ("_done", "_encoded", "_pcm", "_skipped", "deadline", "fail", "stream")

    def __init__(
        self,
        encoder: StreamEncoder,
        pcm: Pcm,
        skipped: int,
        deadline: float,
        done: Callable[[list[Packet] | None], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.stream = encoder
        self.deadline = deadline
        self.fail = failed
        self._pcm = pcm
        self._skipped = skipped
        self._done = done
        self._encoded: list[Packet] | None = None

    def begin(self) -> EncodeStep:
        if self._skipped:
            self.stream.skip(self._skipped)
        return self.stream.begin(self._pcm)

    def finish(self, result: Any, seconds: float) -> None:
        packet = self.stream.finish(result, seconds)
        self._encoded = [] if packet is None else [packet]

    def pass_over(self) -> None:
        self.stream.skip(self._skipped + 1)

    def deliver(self) -> None:
        self._done(self._encoded)


class DecodeJob:
    """A frame that is due at an ear, and the packet for it if there is one. `done` gets its sound, None if late."""

    __slots__ = ("_done", "_packet", "_pcm", "deadline", "fail", "stream")

    def __init__(
        self,
        decoder: StreamDecoder,
        packet: Packet | None,
        deadline: float,
        done: Callable[[Pcm | None], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.stream = decoder
        self.deadline = deadline
        self.fail = failed
        self._packet = packet
        self._done = done
        self._pcm: Pcm | None = None

    def begin(self) -> DecodeStep | None:
        if self._packet is not None:
            self.stream.push(self._packet)
        return self.stream.begin()

    def finish(self, result: Any, seconds: float) -> None:
        self._pcm = self.stream.finish(result, seconds)

    def pass_over(self) -> None:
        """The frame's moment is gone, and its packet with it."""

    def deliver(self) -> None:
        self._done(self._pcm)


class Call:
    """Other work on a worker's thread: comes after all that was there before it, alone, and is never late."""

    deadline = float("inf")

    def __init__(
        self, work: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Exception], None]
    ) -> None:
        self.stream = self
        self.fail = failed
        self._work = work
        self._done = done
        self._result: Any = None

    def begin(self) -> None:
        self._result = self._work()

    def finish(self, result: Any, seconds: float) -> None:
        """It was all done at once."""

    def pass_over(self) -> None:
        raise AssertionError("a call is never late")

    def deliver(self) -> None:
        self._done(self._result)

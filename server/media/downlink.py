"""From the line to the browser's data channel: the way of the other's voice through its decoder."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from codec.engine.base import Engine, Pcm
from codec.packet import Packet
from codec.stream import StreamDecoder
from server.media.frame import frame_to_bytes
from server.media.jitter import JitterBuffer
from server.media.jobs import DecodeJob
from server.media.uplink import LATE_FRAMES
from server.media.workers import CodecWorker


class Downlink:
    """Buffers the packets of one voice and plays one frame each time the pacer ticks, from its first packet on.

    `send` takes each message for the data channel and says whether it went out; `failed` takes what went wrong in the
    codec; `report` takes, once a second, how many packets were due and how many of them the line lost. All are called
    on the event loop.
    """

    def __init__(
        self,
        engine: Engine,
        worker: CodecWorker,
        send: Callable[[bytes], bool],
        failed: Callable[[Exception], None],
        report: Callable[[int, int], None],
        sequence: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.worker = worker
        self.decoder = StreamDecoder(engine)
        self.jitter = JitterBuffer(engine.config.frame_ms)
        self.sequence = sequence  # of the next frame; the browser counts on, whoever speaks
        self.unsent = 0  # frames that found the data channel full or not open
        self.late = 0  # frames that the worker had no time for
        self._send = send
        self._failed = failed
        self._report = report
        self._report_frames = round(engine.config.frame_rate)
        self._clock = clock
        self._deadline_seconds = LATE_FRAMES * engine.config.frame_ms / 1000

    def receive(self, packet: Packet, now_ms: float) -> None:
        """Takes what came over the line."""
        self.jitter.push(packet, now_ms)

    def tick(self, now_ms: float) -> None:
        """A frame is due."""
        packet = self.jitter.pop(now_ms, self.decoder.quiet)
        if not self.jitter.started:
            return
        play = partial(self._play, self.sequence, now_ms)
        self.sequence += 1
        if self.sequence % self._report_frames == 0:
            self._report(*self.jitter.reception.take())
        deadline = self._clock() + self._deadline_seconds
        self.worker.submit(DecodeJob(self.decoder, packet, deadline, play, self._failed))

    def _play(self, sequence: int, clock_ms: float, pcm: Pcm | None) -> None:
        if pcm is None:
            self.late += 1
        elif not self._send(frame_to_bytes(sequence, clock_ms, pcm)):
            self.unsent += 1

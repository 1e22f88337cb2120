"""How many streams at once: real pace, a thread for each core, and no deadline missed."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from codec.bench.sound import voice
from codec.engine.base import DecodeStep, EncodeStep, Engine, State

TRIAL_SECONDS = 2.0
CONFIRMATIONS = 4
LEAST_SHRINK = 0.85  # of the count, after a confirmation that missed
BATCH = 8  # streams that one call of the engine computes at most


@dataclass(frozen=True, slots=True)
class Held:
    """`count` streams, each an encoder and a decoder, paced for `seconds` on `threads` threads; of their `frames`,
    `missed` were not done when the next ones were due."""

    count: int
    seconds: float
    threads: int
    missed: int
    frames: int


def most_streams(engine: Engine, n_q: int, seconds: float, threads: int | None = None) -> list[Held]:
    """Searches by short trials, then confirms by trials of `seconds`, with fewer streams after each that missed.

    -> all confirmations; the last one is the answer, if it missed none.
    """
    cores = threads or os.cpu_count() or 1
    low, high = 0, 4 * cores
    while pace(engine, n_q, high, TRIAL_SECONDS, cores).missed == 0:
        low, high = high, 2 * high
    while high - low > max(1, low // 20):
        middle = (low + high) // 2
        if pace(engine, n_q, middle, TRIAL_SECONDS, cores).missed == 0:
            low = middle
        else:
            high = middle
    held: list[Held] = []
    count = max(1, low)
    for _ in range(CONFIRMATIONS):
        held.append(pace(engine, n_q, count, seconds, cores))
        if held[-1].missed == 0 or count == 1:
            break
        count = max(1, min(count - 1, int(count * LEAST_SHRINK)))
    return held


def pace(engine: Engine, n_q: int, count: int, seconds: float, threads: int) -> Held:
    """One trial. Streams keep to one thread; each thread takes its streams' frames of one hop together."""
    shares = [count // threads + (index < count % threads) for index in range(threads)]
    frames = round(seconds * engine.config.frame_rate)
    start = time.perf_counter() + 0.05
    workers = [_Worker(engine, n_q, share, frames, start) for share in shares if share]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Held(count, seconds, threads, sum(worker.missed for worker in workers), count * frames)


class _Worker(threading.Thread):
    """Keeps the streams of one core. Late frames are done all the same; one that is a whole hop late has missed."""

    def __init__(self, engine: Engine, n_q: int, streams: int, frames: int, start: float) -> None:
        super().__init__(daemon=True)
        self._engine, self._n_q, self._frames, self._start = engine, n_q, frames, start
        self._states: list[tuple[State, State]] = [
            (engine.encoder_state(), engine.decoder_state()) for _ in range(streams)
        ]
        self._sound = voice(engine.config, 64)
        self.missed = 0

    def run(self) -> None:
        hop = self._engine.config.frame_ms / 1000
        for index in range(self._frames):
            due = self._start + index * hop
            time.sleep(max(0.0, due - time.perf_counter()))
            self.missed += self._frame(index, due + hop)

    def _frame(self, index: int, deadline: float) -> int:
        """All streams' frames, a batch at a time -> how many were not done by the deadline."""
        missed = 0
        for first in range(0, len(self._states), BATCH):
            batch = self._states[first : first + BATCH]
            pcm = self._sound[index % len(self._sound)]
            coded = self._engine.encode_many([EncodeStep(pcm, self._n_q, 0.0, encoder) for encoder, _ in batch])
            steps = [DecodeStep(codes, decoder) for (codes, _), (_, decoder) in zip(coded, batch, strict=True)]
            played = self._engine.decode_many(steps)
            self._states[first : first + BATCH] = [
                (encoder, decoder) for (_, encoder), (_, decoder) in zip(coded, played, strict=True)
            ]
            if time.perf_counter() > deadline:
                missed += len(batch)
        return missed

"""How long the parts of a step take, frame by frame, on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.bench.probe import Core
from codec.bench.sound import voice
from codec.bench.work import search_work, step_bytes, step_work
from codec.engine.base import Engine

WARM_UP_FRAMES = 50
SEARCH_FRAMES = 150

Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    median: float
    p99: float

    @classmethod
    def of(cls, times_ms: Times) -> Spread:
        return cls(float(np.median(times_ms)), float(np.percentile(times_ms, 99)))


@dataclass(frozen=True, slots=True)
class Result:
    """One engine: wall-clock times of the encoder's network, the search, the decoder and the whole step.

    `cpu_ms` is the thread's own time of a whole step, median: it is less than the wall clock's on a busy machine.
    `floor_ms` is the least that this core needs: multiply-adds, reading the weights; `floor_ratio` is the step's median
    over their sum. `rtf` is compute seconds per second of sound.
    """

    engine: str
    precision: str
    instruction_set: str | None  # where an engine has several
    preset: str
    weights: str
    n_q: int
    encode_ms: Spread
    search_ms: Spread
    decode_ms: Spread
    step_ms: Spread
    cpu_ms: float
    rtf: float
    floor_ms: dict[str, float]
    floor_ratio: float


def measure(engine: Engine, weights: str, n_q: int, seconds: float, core: Core) -> Result:
    """Runs `seconds` of sound through a stream; `weights` says which they are."""
    config = engine.config
    encode_ms, decode_ms, cpu_ms = _steps(engine, n_q, voice(config, max(1, round(seconds * config.frame_rate))))
    search_ms = _search(engine, n_q, voice(config, SEARCH_FRAMES))
    step = Spread.of(encode_ms + decode_ms)
    arithmetic_ms, reading_ms = core.floor_ms(
        engine.precision, step_work(config, n_q).multiply_adds, step_bytes(config, n_q, engine.precision)
    )
    return Result(
        engine=engine.name,
        precision=engine.precision,
        instruction_set=getattr(engine, "instruction_set", None),
        preset=config.preset,
        weights=weights,
        n_q=n_q,
        encode_ms=Spread.of(encode_ms - np.median(search_ms)),
        search_ms=Spread.of(search_ms),
        decode_ms=Spread.of(decode_ms),
        step_ms=step,
        cpu_ms=float(np.median(cpu_ms)),
        rtf=step.median / config.frame_ms,
        floor_ms={"arithmetic": arithmetic_ms, "reading": reading_ms},
        floor_ratio=step.median / (arithmetic_ms + reading_ms),
    )


def time_calls(work: Callable[[int], object], calls: int) -> tuple[Times, Times]:
    """work(i) for each call after a warm-up -> wall-clock ms, thread CPU ms of each."""
    marks, cpu = np.empty((calls, 2)), np.empty((calls, 2))
    for index in range(-min(WARM_UP_FRAMES, calls), calls):
        began, cpu_began = time.perf_counter(), time.thread_time()
        work(index % calls)
        ended, cpu_ended = time.perf_counter(), time.thread_time()
        if index >= 0:
            marks[index], cpu[index] = (began, ended), (cpu_began, cpu_ended)
    return 1000 * (marks[:, 1] - marks[:, 0]), 1000 * (cpu[:, 1] - cpu[:, 0])


def _steps(engine: Engine, n_q: int, sound: NDArray[np.float32]) -> tuple[Times, Times, Times]:
    """Encode and decode in turn, as a stream does -> wall-clock ms of both, thread CPU ms of the step."""
    encoder, decoder = engine.encoder_state(), engine.decoder_state()
    frames = len(sound)
    wall, cpu = np.empty((frames, 3)), np.empty((frames, 2))
    for index in range(-min(WARM_UP_FRAMES, frames), frames):
        marks = [time.perf_counter()]
        cpu_began = time.thread_time()
        codes, encoder = engine.encode(sound[index], n_q, 0.0, encoder)
        marks.append(time.perf_counter())
        _, decoder = engine.decode(codes, decoder)
        marks.append(time.perf_counter())
        if index >= 0:
            wall[index], cpu[index] = marks, (cpu_began, time.thread_time())
    return 1000 * (wall[:, 1] - wall[:, 0]), 1000 * (wall[:, 2] - wall[:, 1]), 1000 * (cpu[:, 1] - cpu[:, 0])


def _search(engine: Engine, n_q: int, sound: NDArray[np.float32]) -> Times:
    """What `n_q` stages take, from two streams that hear the same: one searches so many (two or more), one only one.

    So no engine need let us look between its network and its search. What both do is added in proportion to the work.
    """
    most = max(2, n_q)
    searched, single, wanted = (search_work(engine.config, stages).multiply_adds for stages in (most, 1, n_q))
    states = {stages: engine.encoder_state() for stages in (1, most)}
    times = {stages: np.empty(len(sound)) for stages in states}
    for index, frame in enumerate(sound):
        for stages in states:
            began = time.perf_counter()
            _, states[stages] = engine.encode(frame, stages, 0.0, states[stages])
            times[stages][index] = 1000 * (time.perf_counter() - began)
    return np.maximum(times[most] - times[1], 0.0) * wanted / (searched - single)

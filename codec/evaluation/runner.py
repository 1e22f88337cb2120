"""Clips through all systems and metrics, a process for each core."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from codec.audiofile import SAMPLE_RATE
from codec.engine.base import Pcm
from codec.evaluation.clips import MUSIC, Clip
from codec.evaluation.errors import EvaluationError
from codec.evaluation.metrics import METRICS, Measure
from codec.evaluation.pair import Pair
from codec.evaluation.scores import Condition, Score
from codec.evaluation.systems import Carried, System

# Each worker computes on one thread: the processes share the cores already.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

DENOISING, CLEAN = "denoising, ", "clean"
INPUT, OFF, ON = "input", "denoise off", "denoise on"


@dataclass(frozen=True)
class Job:
    """One clip: through every system against what was sent, or (`denoising`) through ours with denoising off and on
    against the clean speech. With `listen`, what came out is kept to be heard."""

    clip: Clip
    denoising: bool = False
    listen: bool = False


@dataclass
class Outcome:
    """What one job gave; the sounds only where somebody is to hear them."""

    job: Job
    scores: list[Score] = field(default_factory=list)
    reference: Pcm | None = None
    sounds: dict[Condition, Pcm] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What every worker needs: systems not yet loaded, names of metrics."""

    systems: tuple[System, ...]
    denoisers: tuple[System, ...]
    metrics: tuple[str, ...]
    max_seconds: float


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(plan: Plan, jobs: list[Job], processes: int) -> list[Outcome]:
    """Outcomes in the order of the jobs. Raises what a clip's failure raises, and EvaluationError for a lost worker."""
    for library in ONE_THREAD:
        os.environ.setdefault(library, "1")
    context = multiprocessing.get_context("spawn")  # numeric libraries do not survive a fork
    with ProcessPoolExecutor(min(processes, len(jobs)), context, _start_worker, (plan,)) as pool:
        futures = [pool.submit(_work, job) for job in jobs]
        try:
            for done in tqdm(as_completed(futures), total=len(jobs), unit="clip", leave=False, disable=None):
                done.result()
        except BrokenProcessPool:
            raise EvaluationError("a worker process died; was there too little memory? Try fewer --processes") from None
        finally:
            for future in futures:
                future.cancel()
    return [future.result() for future in futures]


_worker: Worker


def _start_worker(plan: Plan) -> None:
    global _worker
    _worker = Worker(plan)


def _work(job: Job) -> Outcome:
    return _worker.work(job)


class Worker:
    """Holds the loaded systems and metrics."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._measures: dict[str, Measure] = {}

    def work(self, job: Job) -> Outcome:
        sent, clean = job.clip.load(self.plan.max_seconds)
        reference = clean if job.denoising else sent
        outcome = Outcome(job, reference=reference if job.listen else None)
        for condition, carried in self._carry(job, sent):
            outcome.scores.append(self._score(job, condition, reference, carried))
            if job.listen:
                outcome.sounds[condition] = carried.pcm
        return outcome

    def _carry(self, job: Job, sent: Pcm) -> Iterator[tuple[Condition, Carried]]:
        kind = kind_of(job)
        if not job.denoising:
            for system in self.plan.systems:
                for bitrate, carried in system.carry(sent).items():
                    yield Condition(kind, system.name, bitrate), carried
            return
        yield Condition(kind, INPUT, 0.0), Carried(sent, 0, 0)
        for system in self.plan.denoisers:
            for setting in (OFF, ON):
                for bitrate, carried in system.carry(sent, setting == ON).items():
                    yield Condition(kind, system.name, bitrate, setting), carried

    def _score(self, job: Job, condition: Condition, reference: Pcm, carried: Carried) -> Score:
        pair, seconds = Pair(reference, carried.pcm), len(reference) / SAMPLE_RATE
        figures, problems = self._figures(pair, job.clip.kind)
        payload, packets = (size * 8 / 1000 / seconds for size in (carried.payload_bytes, carried.packet_bytes))
        name, delay_ms, gain_db = job.clip.name, pair.delay_ms, pair.gain_db
        return Score(name, condition, seconds, payload, packets, delay_ms, gain_db, figures, problems)

    def _figures(self, pair: Pair, kind: str) -> tuple[dict[str, float], dict[str, str]]:
        """A metric that fails on one clip leaves out that clip's figure and says why: libraries raise anything."""
        figures, problems = dict[str, float](), dict[str, str]()
        for metric in (METRICS[name] for name in self.plan.metrics):
            if kind == MUSIC and not metric.for_music:
                continue
            if metric.name not in self._measures:
                self._measures[metric.name] = metric.load()
            try:
                values = self._measures[metric.name](pair)
            except Exception as error:
                problems[metric.name] = f"{type(error).__name__}: {error}"
                continue
            if np.isfinite(values).all():
                figures.update(zip(metric.titles, values, strict=True))
            else:
                problems[metric.name] = "not a finite number"
        return figures, problems


def kind_of(job: Job) -> str:
    """What the tables call the kind of a job's clip."""
    snr = job.clip.snr_db
    if job.denoising:
        return f"{DENOISING}{CLEAN if snr is None else f'{snr:g} dB'}"
    return job.clip.kind if snr is None else f"{job.clip.kind}, {snr:g} dB"


def is_denoising(kind: str) -> bool:
    return kind.startswith(DENOISING)

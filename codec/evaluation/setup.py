"""What an evaluation was asked for becomes systems, jobs and metrics; what can't be had is named and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from codec.engine import load_engine
from codec.evaluation import lyra, opus
from codec.evaluation.clips import SPEECH, Clip
from codec.evaluation.errors import EvaluationError
from codec.evaluation.lyra import Lyra
from codec.evaluation.metrics import Metric
from codec.evaluation.opus import Opus
from codec.evaluation.runner import Job, kind_of
from codec.evaluation.systems import System, Thinline

PEERS = ("opus", "lyra")
OWN_NAME = "thinline"
PACKAGES = ("thinline", "av", "visqol-python", "pesq", "pystoi", "distillmos", "speechmos", "ai-edge-litert")


def parse_numbers(text: str, what: str) -> tuple[float, ...]:
    """Numbers with commas between, each once. Raises EvaluationError."""
    try:
        numbers = tuple(dict.fromkeys(float(part) for part in text.split(",") if part.strip()))
    except ValueError:
        raise EvaluationError(f"{what} {text!r} are not numbers with commas between") from None
    if not numbers:
        raise EvaluationError(f"{what}: none is given")
    return numbers


def own_systems(
    engine: str,
    weights: Sequence[Path],
    bitrates_kbps: tuple[float, ...],
    frames_per_packet: int,
    variable: bool = False,
) -> list[Thinline]:
    """A system for each folder of weights, or one with the shipped ones. Raises EngineError, BitrateError."""
    folders: Sequence[Path | None] = weights or [None]
    names = [OWN_NAME] if len(folders) == 1 else [str(folder) for folder in folders]
    systems = []
    for name, folder in zip(names, folders, strict=True):
        config = load_engine(engine, folder).config
        for bitrate in bitrates_kbps:
            config.n_q(bitrate)
        systems.append(Thinline(name, bitrates_kbps, engine, folder, frames_per_packet, variable))
    return systems


def describe(systems: Sequence[Thinline]) -> list[dict[str, Any]]:
    """Which model each of our systems is."""
    described = []
    for system in systems:
        engine = load_engine(system.engine_name, system.weights)
        about = {"engine": engine.name, "precision": engine.precision, "preset": engine.config.preset}
        described.append({"name": system.name, "model_id": engine.model_id, **about})
    return described


def peers(
    names: str, opus_bitrates_kbps: tuple[float, ...], lyra_folder: Path | None
) -> tuple[list[System], dict[str, str]]:
    """The other systems, and those that can't be had with the cause. Raises EvaluationError for an unknown name."""
    systems, absent = list[System](), dict[str, str]()
    for name in dict.fromkeys(part.strip() for part in names.split(",") if part.strip()):
        if name == "opus":
            systems.append(Opus(bitrates_kbps=checked_opus(opus_bitrates_kbps)))
        elif name == "lyra":
            cause = lyra.why_absent(lyra_folder)
            if cause:
                absent[name] = cause
            elif lyra_folder is not None:
                systems.append(Lyra(lyra_folder))
        else:
            raise EvaluationError(f"peer {name!r} is not one of {', '.join(PEERS)}")
    return systems, absent


def checked_opus(bitrates_kbps: tuple[float, ...]) -> tuple[float, ...]:
    for bitrate in bitrates_kbps:
        if not opus.LOWEST_KBPS <= bitrate <= opus.HIGHEST_KBPS:
            raise EvaluationError(f"Opus has no {bitrate:g} kbit/s, only {opus.LOWEST_KBPS:g} to {opus.HIGHEST_KBPS:g}")
    return bitrates_kbps


def installed(metrics: Sequence[Metric]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Names of the metrics that can be computed, and those that can't with the cause."""
    absent = {metric.name: f"not installed: {', '.join(metric.missing)}" for metric in metrics if metric.missing}
    return tuple(metric.name for metric in metrics if metric.name not in absent), absent


def make_jobs(
    clips: Sequence[Clip], noises: Sequence[Path], snr_db: float, snrs_db: tuple[float, ...], listen: int = 0
) -> list[Job]:
    """Every clip; with noise, all speech again in noise, and speech to denoise at each ratio and clean.

    The first `listen` jobs of each kind keep their sounds.
    """
    jobs = [Job(clip) for clip in clips]
    speech = [clip for clip in clips if clip.kind == SPEECH]
    if noises and speech:
        noise_of = {clip: noises[index % len(noises)] for index, clip in enumerate(speech)}
        jobs += [Job(clip.in_noise(noise_of[clip], snr_db)) for clip in speech]
        jobs += [Job(clip.in_noise(noise_of[clip], snr), denoising=True) for snr in snrs_db for clip in speech]
        jobs += [Job(clip, denoising=True) for clip in speech]
    seen: Counter[str] = Counter()
    for index, job in enumerate(jobs):
        kind = kind_of(job)
        jobs[index] = replace(job, listen=seen[kind] < listen)
        seen[kind] += 1
    return jobs


def versions() -> dict[str, str]:
    """Of the packages that make the figures, where installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

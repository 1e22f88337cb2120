"""`thinline bench`: how long one frame takes on one thread."""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from codec.commands.shared import CommandError
from codec.engine import ENGINES, Engine, EngineError, load_engine

HELP = "Measure encoder, decoder and whole step of each engine on one thread: median, 99th percentile, RTF."
ERRORS = (CommandError, EngineError, OSError)

WARM_UP_FRAMES = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), help=f"of {', '.join(ENGINES)} (default: all)")
    parser.add_argument("--n-q", type=int, default=8, help="quantizers (default 8: 6 kbit/s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of sound for each engine (default 6)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    engines = [load_engine(name) for name in args.engines]
    quantizers = engines[0].config.quantizers
    if not 1 <= args.n_q <= quantizers:
        raise CommandError(f"n_q {args.n_q} is outside 1..{quantizers}")
    if args.seconds <= 0:
        raise CommandError(f"{args.seconds:g} seconds is no time to measure")
    results = [measure(engine, args.n_q, args.seconds) for engine in engines]
    print_table(results)
    if args.json:
        machine = {"system": platform.platform(), "processor": processor(), "python": platform.python_version()}
        args.json.write_text(json.dumps({"results": results, "machine": machine}, indent=2) + "\n")
    return 0


def measure(engine: Engine, n_q: int, seconds: float) -> dict[str, Any]:
    """Runs `seconds` of noise frame by frame; times are wall clock, `cpu_ms` is the thread's own, to tell them apart
    on a busy machine."""
    config = engine.config
    frames = WARM_UP_FRAMES + round(seconds * config.frame_rate)
    sound = np.random.default_rng(0).standard_normal((frames, config.hop)).astype(np.float32) * 0.1
    encoder, decoder = engine.encoder_state(), engine.decoder_state()
    marks, cpu = np.empty((frames, 3)), np.empty((frames, 2))
    for index, frame in enumerate(sound):
        marks[index, 0], cpu[index, 0] = time.perf_counter(), time.thread_time()
        codes, encoder = engine.encode(frame, n_q, 0.0, encoder)
        marks[index, 1] = time.perf_counter()
        _, decoder = engine.decode(codes, decoder)
        marks[index, 2], cpu[index, 1] = time.perf_counter(), time.thread_time()
    marks, cpu = 1000 * marks[WARM_UP_FRAMES:], 1000 * cpu[WARM_UP_FRAMES:]
    step = marks[:, 2] - marks[:, 0]
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "preset": config.preset,
        "n_q": n_q,
        "encode_ms": float(np.median(marks[:, 1] - marks[:, 0])),
        "decode_ms": float(np.median(marks[:, 2] - marks[:, 1])),
        "step_ms": {"median": float(np.median(step)), "p99": float(np.percentile(step, 99))},
        "cpu_ms": float(np.median(cpu[:, 1] - cpu[:, 0])),
        "rtf": float(np.median(step)) / config.frame_ms,
    }


def print_table(results: list[dict[str, Any]]) -> None:
    print("engine  precision  preset  n_q  encode ms  decode ms  step ms  p99 ms  cpu ms    RTF (smaller is better)")
    for row in results:
        step = row["step_ms"]
        print(
            f"{row['engine']:<6}  {row['precision']:<9}  {row['preset']:<6}  {row['n_q']:>3}  {row['encode_ms']:>9.3f}"
            f"  {row['decode_ms']:>9.3f}  {step['median']:>7.3f}  {step['p99']:>6.3f}  {row['cpu_ms']:>6.3f}"
            f"  {row['rtf']:.4f}"
        )


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())

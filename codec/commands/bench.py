"""`thinline bench`: how long one frame takes on one thread, how long it must, and how many streams run at once."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from codec.atomicfile import replacing
from codec.bench.chart import draw
from codec.bench.engines import Bank, Candidate, bank, candidates
from codec.bench.opus import measure_opus
from codec.bench.probe import Core, measure_core
from codec.bench.streams import most_streams
from codec.bench.timing import Result, measure
from codec.bench.work import WEIGHT_BYTES
from codec.commands.shared import CommandError
from codec.config import PRESETS
from codec.engine import ENGINES, EngineError

HELP = (
    "Measure encoder, search, decoder and whole step of each engine on one thread, against what this core can do at "
    "most and against others; with --streams also how many run at once in real time."
)
ERRORS = (CommandError, EngineError, OSError)

PEER = "torch"  # a comparison, unless it is asked for as an engine
EXIT_INTERRUPTED = 130
MEBIBYTE = 1 << 20
BUSY_RATIO = 1.1  # wall clock over thread time: above it others took the core

Json = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    engines_help = f"of {', '.join(ENGINES)} (default: all but {PEER}, which is a peer)"
    parser.add_argument("--engines", nargs="+", metavar="ENGINE", help=engines_help)
    precisions_help = "of bf16, fp32, int8 (default: each that an engine knows)"
    parser.add_argument("--precisions", nargs="+", choices=WEIGHT_BYTES, metavar="PRECISION", help=precisions_help)
    presets_help = f"of {', '.join(PRESETS)} (default: all; random weights where none are shipped)"
    parser.add_argument("--presets", nargs="+", choices=PRESETS, metavar="PRESET", help=presets_help)
    parser.add_argument("--n-q", type=int, default=8, help="quantizers (default 8: 6 kbit/s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of sound for each engine (default 6)")
    parser.add_argument("--streams", action="store_true", help="also: most paced streams without a missed deadline")
    parser.add_argument("--stream-seconds", type=float, default=30.0, help="which that must hold (default 30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too, and a PNG beside it")
    parser.add_argument("--png", type=Path, metavar="FILE", help="write the picture there (needs matplotlib)")


def run(args: argparse.Namespace) -> int:
    chosen, picture = _check(args), args.png or (args.json and args.json.with_suffix(".png"))
    core = measure_core()
    with bank() as engines:
        results = _results(chosen, engines, args, core)
        peers = [measure_opus(args.seconds), *_torch_peer(engines, args)]
        streams, interrupted = list[Json](), False
        if args.streams:
            interrupted = not _streams(chosen, engines, args, streams)
        report: Json = {
            "results": [asdict(result) for result in results],
            "streams": streams,
            "peers": peers,
            "machine": _machine(core, results),
        }
    _print(report)
    if args.json:
        with replacing(args.json) as part:
            part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if picture:
        _draw(report, picture, args.png is not None)
    return EXIT_INTERRUPTED if interrupted else 0


def _check(args: argparse.Namespace) -> list[Candidate]:
    """What is to be measured. Raises CommandError and EngineError for what can't be, before it begins."""
    for name in args.engines or []:
        if name not in ENGINES:
            raise EngineError(f"engine {name!r} is not one of {', '.join(ENGINES)}")
    quantizers = PRESETS["base"].quantizers
    if not 1 <= args.n_q <= quantizers:
        raise CommandError(f"n_q {args.n_q} is outside 1..{quantizers}")
    for seconds in (args.seconds, args.stream_seconds):
        if not 0 < seconds < float("inf"):
            raise CommandError(f"{seconds:g} seconds is no time to measure")
    for path in (args.json, args.png):
        if path and not path.parent.is_dir():
            raise CommandError(f"{path}: there is no folder {path.parent}")
    if args.png and importlib.util.find_spec("matplotlib") is None:
        raise CommandError("--png needs matplotlib, which is not installed: pip install 'thinline[evaluate]'")
    engines = args.engines or [name for name in ENGINES if name != PEER]
    return candidates(engines, args.presets or list(PRESETS), args.precisions)


def _results(chosen: Sequence[Candidate], engines: Bank, args: argparse.Namespace, core: Core) -> list[Result]:
    """What can't be had is told and left out, unless it was asked for by name."""
    results = []
    for candidate in chosen:
        try:
            engine, weights = engines.load(candidate)
        except EngineError as error:
            if args.engines and args.presets:
                raise
            print(f"left out: {candidate}: {error}", file=sys.stderr)
        else:
            results.append(measure(engine, weights, args.n_q, args.seconds, core))
    if not results:
        raise EngineError("no engine could be measured")
    return results


def _torch_peer(engines: Bank, args: argparse.Namespace) -> list[Json]:
    """Eager PyTorch where it is installed and not measured as an engine already."""
    if PEER in (args.engines or []) or importlib.util.find_spec("torch") is None:
        return []
    engine, weights = engines.load(Candidate(PEER, "base", "fp32"))
    # No floor is needed for a peer: any core does.
    result = measure(engine, weights, args.n_q, args.seconds, Core({"fp32": 1.0}, lambda size: 1.0, ""))
    step = asdict(result.step_ms)
    return [{"name": "PyTorch eager, base", "frame_ms": engine.config.frame_ms, "step_ms": step,
             "cpu_ms": result.cpu_ms, "rtf": result.rtf}]  # fmt: skip


def _streams(chosen: Sequence[Candidate], engines: Bank, args: argparse.Namespace, rows: list[Json]) -> bool:
    """Adds a row for each engine that is to be measured. `count` held for `seconds`; `tried` has the counts that did
    not. Ctrl-C ends it early and loses no row that is there; returns whether it ran to its end."""
    for candidate in chosen:
        try:
            engine, _ = engines.load(candidate)
        except EngineError:
            continue  # told already
        print(f"streams: {candidate} ...", file=sys.stderr)
        try:
            *tried, held = most_streams(engine, args.n_q, args.stream_seconds)
        except KeyboardInterrupt:
            print("interrupted: the figures so far", file=sys.stderr)
            return False
        rows.append({
            "engine": engine.name, "precision": engine.precision, "preset": engine.config.preset, "n_q": args.n_q,
            **asdict(held), "tried": [asdict(trial) for trial in tried],
        })  # fmt: skip
    return True


def _machine(core: Core, results: Sequence[Result]) -> Json:
    busy = float(np.median([result.step_ms.median / result.cpu_ms for result in results]))
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": list(os.getloadavg()),
        "wall_over_cpu": busy,
        "busy": busy > BUSY_RATIO,
        "peak_gmac_s": core.peak_gmac_s,
        "read_gb_s": {f"{size} MB": core.read_gb_s(size * MEBIBYTE) for size in (1, 4, 16, 64)},
        "measured_by": core.measured_by,
    }


def _print(report: Json) -> None:
    machine = report["machine"]
    print(
        "engine  precision  preset  weights  n_q  encode ms  search  decode    step     p99  cpu ms     RTF"
        "  floor ms  ratio"
    )
    for row in report["results"]:
        parts = "  ".join(f"{row[f'{part}_ms']['median']:6.3f}" for part in ("search", "decode", "step"))
        print(
            f"{row['engine']:<6}  {row['precision']:<9}  {row['preset']:<6}  {row['weights']:<7}  {row['n_q']:>3}"
            f"  {row['encode_ms']['median']:>9.3f}  {parts}  {row['step_ms']['p99']:6.3f}  {row['cpu_ms']:6.3f}"
            f"  {row['rtf']:6.4f}  {sum(row['floor_ms'].values()):8.3f}  {row['floor_ratio']:5.1f}"
        )
    for peer in report["peers"]:
        print(f"peer: {peer['name']}: {peer['step_ms']['median']:.3f} ms a frame of {peer['frame_ms']:.1f} ms, "
              f"p99 {peer['step_ms']['p99']:.3f}, cpu {peer['cpu_ms']:.3f}, RTF {peer['rtf']:.4f}")  # fmt: skip
    for row in report["streams"]:
        print(f"streams: {row['engine']} {row['precision']}, {row['preset']}: {row['count']} at once for "
              f"{row['seconds']:g} s on {row['threads']} threads, "
              f"{row['missed']} of {row['frames']} frames missed")  # fmt: skip
    peaks = ", ".join(f"{name} {peak:.0f}" for name, peak in machine["peak_gmac_s"].items())
    reads = ", ".join(f"{speed:.0f} at {size}" for size, speed in machine["read_gb_s"].items())
    print(f"this core: {peaks} GMAC/s; reads {reads}, in GB/s (by {machine['measured_by']})")
    if machine["busy"]:
        print(f"beware: others used this core meanwhile; the clock ran {machine['wall_over_cpu']:.2f} times its time")
    print("RTF: compute seconds per second of sound; smaller is better. ratio: step over floor")


def _draw(report: Json, path: Path, wanted: bool) -> None:
    try:
        draw(report, path)
    except ModuleNotFoundError as error:
        if wanted or error.name != "matplotlib":
            raise
        print(f"no picture: {error.name} is not installed (pip install 'thinline[evaluate]')", file=sys.stderr)


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())

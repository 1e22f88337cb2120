"""`thinline evaluate`: our weights against other codecs, by metrics."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codec.audiofile import AudioFileError
from codec.commands.bench import processor
from codec.commands.shared import CommandError, add_engine_argument
from codec.config import BitrateError
from codec.engine import EngineError
from codec.evaluation.clips import find_clips, find_noise
from codec.evaluation.document import Document
from codec.evaluation.errors import EvaluationError
from codec.evaluation.metrics import METRICS, parse_metrics
from codec.evaluation.runner import Plan, run_jobs, usable_cores
from codec.evaluation.scores import Table
from codec.evaluation.setup import PEERS, describe, installed, make_jobs, own_systems, parse_numbers, peers, versions
from codec.evaluation.tables import markdown

HELP = "Judge the codec's sound against other codecs on folders of clips: metrics, actual bits, paired differences."
ERRORS = (AudioFileError, BitrateError, CommandError, EngineError, EvaluationError, OSError)


def add_arguments(parser: ArgumentParser) -> None:
    def text(name: str, default: str, about: str) -> None:
        parser.add_argument(name, default=default, metavar="LIST", help=f"{about} (default: {default})")

    cores = usable_cores()
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="speech; or speech/ and music/ in it")
    parser.add_argument("--noise", type=Path, metavar="DIR", help="noise: adds noisy speech, and denoising on and off")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--weights", type=Path, nargs="+", default=[], metavar="DIR", help="ours (default: shipped)")
    add_engine_argument(parser)
    text("--bitrates", "3,6,9,12,18", "ours, kbit/s")
    text("--peers", "opus", f"of {','.join(PEERS)}; '' for none")
    text("--opus-bitrates", "6,9,12,16,24", "kbit/s")
    parser.add_argument("--lyra", type=Path, metavar="DIR", help="Lyra V2's weights: its three .tflite files")
    text("--metrics", ",".join(METRICS), "what to measure")
    parser.add_argument("--snr", type=float, default=10.0, metavar="DB", help="of the noisy speech (default: 10)")
    text("--denoise-snrs", "0,5,10,15", "dB, to denoise")
    parser.add_argument("--denoise-bitrate", type=float, default=6.0, metavar="KBPS", help="default: 6")
    parser.add_argument("--frames-per-packet", type=int, default=1, metavar="N", help="under one header (default: 1)")
    parser.add_argument("--max-clips", type=int, metavar="N", help="of each kind, spread over all")
    parser.add_argument("--max-seconds", type=float, default=5.0, metavar="S", help="of each clip (default: 5)")
    parser.add_argument("--processes", type=int, default=cores, metavar="N", help=f"default: all cores, {cores} here")


def run(args: Namespace) -> int:
    check(args)
    ours = own_systems(args.engine, args.weights, parse_numbers(args.bitrates, "bitrates"), args.frames_per_packet)
    denoisers = own_systems(args.engine, args.weights, (args.denoise_bitrate,), args.frames_per_packet)
    others, absent_peers = peers(args.peers, parse_numbers(args.opus_bitrates, "bitrates of Opus"), args.lyra)
    metrics, absent_metrics = installed(parse_metrics(args.metrics))
    absent = absent_peers | absent_metrics
    for name, cause in absent.items():
        print(f"thinline: {name} is left out: {cause}", file=sys.stderr)
    noises = find_noise(args.noise) if args.noise else []
    snrs = parse_numbers(args.denoise_snrs, "ratios")
    jobs = make_jobs(find_clips(args.data, args.max_clips), noises, args.snr, snrs)
    plan = Plan((*ours, *others), tuple(denoisers), metrics, args.max_seconds)
    outcomes = run_jobs(plan, jobs, args.processes)
    table = Table(score for outcome in outcomes for score in outcome.scores)
    document = Document(about(args, describe(ours)), absent, [system.name for system in ours], table)
    show(table)
    if args.json:
        document.write(args.json)
    return 0


def check(args: Namespace) -> None:
    """Raises CommandError for what can't work, before hours of work."""
    for name, low in (("max_clips", 1), ("processes", 1), ("frames_per_packet", 1), ("max_seconds", 0.5)):
        value = getattr(args, name)
        if value is not None and value < low:
            raise CommandError(f"--{name.replace('_', '-')} {value:g} is below {low:g}")
    if args.json and not args.json.parent.is_dir():
        raise CommandError(f"{args.json}: there is no folder {args.json.parent}")


def about(args: Namespace, weights: list[dict[str, Any]]) -> dict[str, Any]:
    """What was asked, with what: paths only as far as they name data."""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": args.data.name,
        "noise": args.noise.name if args.noise else None,
        "weights": weights,
        "frames_per_packet": args.frames_per_packet,
        "max_seconds": args.max_seconds,
        "processor": processor(),
        "versions": versions(),
    }


def show(table: Table) -> None:
    """Every kind's table; then, once, which clips lack a figure."""
    for kind in table.kinds:
        clips = max(len(table.rows[condition]) for condition in table.of(kind))
        print(f"{kind}, {clips} clip{'s' * (clips != 1)}: mean ± 95 % interval\n\n{markdown(table, kind)}\n")
    problems = {(score.clip, name): text for score in table.scores for name, text in score.problems.items()}
    for (clip, name), text in problems.items():
        print(f"thinline: {clip}: no {name}: {text}", file=sys.stderr)

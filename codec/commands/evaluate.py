"""`thinline evaluate`: our weights against other codecs, by metrics and by ear."""

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
from codec.evaluation.charts import bar_chart, bitrate_chart, denoise_chart, save
from codec.evaluation.clips import find_clips, find_noise
from codec.evaluation.document import Document, others_of, read_document, write_json
from codec.evaluation.errors import EvaluationError
from codec.evaluation.metrics import METRICS, parse_metrics
from codec.evaluation.mushra import check_size, write_test
from codec.evaluation.mushra_results import read_results, results_text
from codec.evaluation.report import write_report, write_results
from codec.evaluation.runner import Outcome, Plan, is_denoising, run_jobs, usable_cores
from codec.evaluation.scores import Table
from codec.evaluation.setup import (
    OWN_NAME,
    PEERS,
    describe,
    installed,
    make_jobs,
    own_systems,
    parse_numbers,
    peers,
    versions,
)
from codec.evaluation.tables import markdown

HELP = "Judge the codec's sound against other codecs on folders of clips: by metrics, and by ear in a blind test."
ERRORS = (AudioFileError, BitrateError, CommandError, EngineError, EvaluationError, OSError)

HEARD, HEARD_BLIND = 1, 8  # clips of each kind, in the report and in a listening test


def add_arguments(parser: ArgumentParser) -> None:
    def text(name: str, default: str, about: str) -> None:
        parser.add_argument(name, default=default, metavar="LIST", help=f"{about} (default: {default})")

    cores = usable_cores()
    parser.add_argument("--data", type=Path, metavar="DIR", help="speech; or speech/ and music/ in it")
    parser.add_argument("--noise", type=Path, metavar="DIR", help="noise: adds noisy speech, and denoising on and off")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report with charts and sounds there")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write the charts there, as PNG")
    parser.add_argument("--mushra", type=Path, metavar="DIR", help="write a blind listening test there")
    parser.add_argument("--mushra-results", type=Path, nargs="+", metavar="CSV", help="sum up what listeners saved")
    parser.add_argument("--weights", type=Path, nargs="+", default=[], metavar="DIR", help="ours (default: shipped)")
    add_engine_argument(parser)
    text("--bitrates", "3,6,9,12,18", "ours, kbit/s")
    text("--peers", "opus", f"of {','.join(PEERS)}; '' for none")
    parser.add_argument("--with", dest="earlier", type=Path, metavar="JSON", help="take others' scores from there")
    text("--opus-bitrates", "6,9,12,16,24", "kbit/s")
    parser.add_argument("--lyra", type=Path, metavar="DIR", help="Lyra V2's weights: its three .tflite files")
    text("--metrics", ",".join(METRICS), "what to measure")
    parser.add_argument("--snr", type=float, default=10.0, metavar="DB", help="of the noisy speech (default: 10)")
    text("--denoise-snrs", "0,5,10,15", "dB, to denoise")
    parser.add_argument("--denoise-bitrate", type=float, default=6.0, metavar="KBPS", help="default: 6")
    parser.add_argument("--frames-per-packet", type=int, default=1, metavar="N", help="under one header (default: 1)")
    parser.add_argument("--constant-bitrate", action="store_true", help="as many quantizers for each frame")
    parser.add_argument("--max-clips", type=int, metavar="N", help="of each kind, spread over all")
    parser.add_argument("--max-seconds", type=float, default=5.0, metavar="S", help="of each clip (default: 5)")
    heard = f"clips of each kind to hear (default: {HEARD}; {HEARD_BLIND} in the blind test)"
    parser.add_argument("--listen", type=int, metavar="N", help=heard)
    parser.add_argument("--processes", type=int, default=cores, metavar="N", help=f"default: all cores, {cores} here")


def run(args: Namespace) -> int:
    check(args)
    return sum_up(args) if args.mushra_results else evaluate(args)


def evaluate(args: Namespace) -> int:
    packets = (args.frames_per_packet, args.frames_per_packet == 1 and not args.constant_bitrate)
    ours = own_systems(args.engine, args.weights, parse_numbers(args.bitrates, "bitrates"), *packets)
    denoisers = own_systems(args.engine, args.weights, (args.denoise_bitrate,), *packets)
    others, absent_peers = peers(args.peers, parse_numbers(args.opus_bitrates, "bitrates of Opus"), args.lyra)
    metrics, absent_metrics = installed(parse_metrics(args.metrics))
    earlier = read_document(args.earlier) if args.earlier else None
    noises = find_noise(args.noise) if args.noise else []
    snrs = parse_numbers(args.denoise_snrs, "ratios")
    heard = args.listen if args.listen is not None else HEARD_BLIND if args.mushra else HEARD
    jobs = make_jobs(find_clips(args.data, args.max_clips), noises, args.snr, snrs, heard if wants_sounds(args) else 0)
    absent = absent_peers
    if only_mushra(args):
        jobs, metrics = [job for job in jobs if job.listen and not job.denoising], ()
    else:
        absent |= absent_metrics
    for name, cause in absent.items():
        print(f"thinline: {name} is left out: {cause}", file=sys.stderr)
    if args.mushra:
        check_size(sum(len(system.bitrates_kbps) for system in (*ours, *others)))
    plan = Plan((*ours, *others), tuple(denoisers), metrics, args.max_seconds)
    outcomes = run_jobs(plan, jobs, args.processes)
    scores, names = [score for outcome in outcomes for score in outcome.scores], [system.name for system in ours]
    if earlier:
        scores += others_of(earlier, names, scores)
    document = Document(about(args, describe(ours)), absent, names, Table(scores))
    write(args, document, outcomes)
    return 0


def sum_up(args: Namespace) -> int:
    """What listeners saved becomes means, and the paper's bar chart."""
    results = read_results(args.mushra_results)
    print(results_text(results))
    if args.json:
        write_json(args.json, results.to_json())
    if args.html:
        write_results(args.html, results)
    if args.pictures:
        args.pictures.mkdir(exist_ok=True)
        save(bar_chart(results.means, OWN_NAME), args.pictures / "mushra.png")
    return 0


def wants_sounds(args: Namespace) -> bool:
    return bool(args.html or args.mushra)


def only_mushra(args: Namespace) -> bool:
    """Nobody asked for figures: metrics would be work for nothing."""
    return bool(args.mushra and not (args.json or args.html or args.pictures))


def check(args: Namespace) -> None:
    """Raises CommandError for what can't work, before hours of work."""
    if not args.data and not args.mushra_results:
        raise CommandError("--data DIR says which clips to judge with (or --mushra-results CSV what listeners saved)")
    limits = {"max_clips": 1, "processes": 1, "frames_per_packet": 1, "max_seconds": 0.5, "listen": 0}
    for name, low in limits.items():
        value = getattr(args, name)
        if value is not None and value < low:
            raise CommandError(f"--{name.replace('_', '-')} {value:g} is below {low:g}")
    for path in (args.json, args.html, args.pictures, args.mushra):
        if path and not path.parent.is_dir():
            raise CommandError(f"{path}: there is no folder {path.parent}")


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


def write(args: Namespace, document: Document, outcomes: list[Outcome]) -> None:
    """Everything that was asked for."""
    if not only_mushra(args):
        show(document.table)
    if args.json:
        write_json(args.json, document.to_json())
    if args.html:
        write_report(args.html, document, outcomes)
    if args.pictures:
        draw(document.table, args.pictures)
    if args.mushra:
        count = write_test(args.mushra, outcomes, "Listening test")
        print(f"{args.mushra / 'index.html'}: {count} clip{'s' * (count != 1)} to judge")


def show(table: Table) -> None:
    """Every kind's table; then, once, which clips lack a figure."""
    for kind in table.kinds:
        clips = max(len(table.rows[condition]) for condition in table.of(kind))
        print(f"{kind}, {clips} clip{'s' * (clips != 1)}: mean ± 95 % interval\n\n{markdown(table, kind)}\n")
    problems = {(score.clip, name): text for score in table.scores for name, text in score.problems.items()}
    for (clip, name), text in problems.items():
        print(f"thinline: {clip}: no {name}: {text}", file=sys.stderr)


def draw(table: Table, folder: Path) -> None:
    """A picture for each kind, and one for denoising."""
    folder.mkdir(exist_ok=True)
    denoising = [kind for kind in table.kinds if is_denoising(kind)]
    pictures = {kind.partition(",")[0]: bitrate_chart(table, kind) for kind in table.kinds if kind not in denoising}
    pictures["denoising"] = denoise_chart(table, denoising)
    for name, picture in pictures.items():
        if picture:
            save(picture, folder / f"{name.replace(' ', '-')}.png")

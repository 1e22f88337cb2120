"""`thinline load`: many calls at once, to learn what a server bears."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from client.errors import CallError
from client.frame import CODEC
from client.load.capacity import Criteria, search
from client.load.harness import Harness, Moment
from client.load.impairment import NO_IMPAIRMENT, Impairment
from client.load.page import page
from client.load.plan import LoadPlan
from client.load.report import report_of
from client.load.server_process import ServerProcess, find
from client.load.summary import summary
from client.load.tokens import VARIABLE, read_secret
from client.load.voice import SPEECH, cut
from client.signalling import socket_url
from codec.atomicfile import replacing
from codec.audiofile import AudioFileError, read_audio
from codec.config import BitrateError

HELP = "Hold many calls at once with a server, over real WebRTC, and measure what they and the server go through."
ERRORS: tuple[type[Exception], ...] = (CallError, AudioFileError, BitrateError, OSError)

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
HOPELESS = {"unauthorized", "unreachable"}  # whatever the number of calls
CALLS_A_SECOND = 4.0  # that begin, where no ramp is given


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", required=True, metavar="URL", help="there is no default: name what you may load")
    parser.add_argument("--calls", type=_count, default=4, metavar="N", help="calls of two at once (default: 4)")
    parser.add_argument("--seconds", type=_positive, default=15.0, help="to measure, all calls up (default: 15)")
    ramp = "seconds over which the calls begin, evenly (default: a quarter of a second for each)"
    parser.add_argument("--ramp", type=_not_negative, metavar="SECONDS", help=ramp)
    impair = "a bad network, each way: loss=3,delay=60,jitter=10 (percent, ms, ms)"
    parser.add_argument("--impair", default="", metavar="WHAT", help=impair)
    parser.add_argument("--find-capacity", action="store_true", help="search the most calls, from --calls on")
    parser.add_argument("--max-misses", type=_percent, default=0.1, metavar="%", help="criterion: late at the codec")
    parser.add_argument("--max-loss", type=_percent, default=1.0, metavar="%", help="criterion: missing at the ear")
    parser.add_argument("--bitrate", type=float, metavar="KBPS", help="of the rooms (default: the server's)")
    parser.add_argument("--denoise", action="store_true", help="clean the noise out of all voices")
    ways = "how the sound travels: docs/transports.md (default: %(default)s)"
    parser.add_argument("--transport", choices=("channel", "rtp"), default="channel", help=ways)
    parser.add_argument("--wav", type=Path, default=SPEECH, metavar="FILE", help="the speech (default: one of our own)")
    parser.add_argument("--processes", type=_count, default=os.cpu_count() or 1, help="load processes (default: CPUs)")
    secret = f"the secret of a server that wants tokens, to make them with (default: {VARIABLE})"
    parser.add_argument("--token-secret-file", type=Path, metavar="FILE", help=secret)
    parser.add_argument("--server-pid", type=_count, metavar="PID", help="the server's process on this machine")
    parser.add_argument("--json", metavar="FILE", help="write the report there; - for standard output")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report with plots there")
    parser.add_argument("--insecure", action="store_true", help="accept any certificate of an https server")


def run(args: argparse.Namespace) -> int:
    plan = _plan(args)
    server = ServerProcess(args.server_pid) if args.server_pid else find(socket_url(args.server))
    interrupts = _Interrupts()
    with interrupts.caught():
        if args.find_capacity:
            report = _find_capacity(plan, server, Criteria(args.max_misses, args.max_loss), interrupts)
        else:
            report = _hold(plan, server, interrupts)
    _write(report, args.json, args.html)
    if report["interrupted"]:
        return EXIT_INTERRUPTED
    if args.find_capacity:
        return EXIT_FAILED if report["capacity"]["calls"] == 0 else 0
    return EXIT_FAILED if report["calls_failed"] else 0


def _plan(args: argparse.Namespace) -> LoadPlan:
    """Raises CallError and its like for what can't be, before anything begins."""
    socket_url(args.server)
    if args.bitrate is not None:
        CODEC.n_q(args.bitrate)
    for path in (args.html, Path(args.json) if args.json not in (None, "-") else None):
        if path is not None and not path.parent.is_dir():
            raise CallError(f"{path}: there is no folder {path.parent}")
    cut(read_audio(args.wav))
    return LoadPlan(
        server=args.server,
        calls=args.calls,
        seconds=args.seconds,
        ramp_seconds=args.calls / CALLS_A_SECOND if args.ramp is None else args.ramp,
        run=secrets.token_hex(4),
        wav=args.wav,
        processes=args.processes,
        bitrate_kbps=args.bitrate,
        denoise=args.denoise,
        transport=args.transport,
        impairment=Impairment.parse(args.impair) if args.impair else NO_IMPAIRMENT,
        insecure=args.insecure,
        secret=read_secret(args.token_secret_file, os.environ),
    )


class _Interrupts:
    """Ctrl-C and SIGTERM end what runs now, and what was to follow; a report is written all the same."""

    def __init__(self) -> None:
        self.came = False
        self.stop: Callable[[], None] = lambda: None

    def _come(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        self.stop()

    @contextmanager
    def caught(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._come) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def _hold(plan: LoadPlan, server: ServerProcess | None, interrupts: _Interrupts) -> dict[str, Any]:
    """One test, with a progress bar on a terminal."""
    form = "{desc} |{bar}| {n:.0f}/{total:.0f} s {postfix}"
    with tqdm(total=plan.total_seconds, bar_format=form, disable=None, leave=False, desc=f"{plan.calls} calls") as bar:

        def tell(moment: Moment) -> None:
            bar.n = min(moment.at, plan.total_seconds)
            bar.set_postfix_str(f"{moment.up} up, {moment.failed} failed, {moment.frames} frames heard")

        harness = Harness(plan, server, tell)
        interrupts.stop = harness.stop
        if interrupts.came:
            harness.stop()
        return report_of(harness.run(), server)


def _find_capacity(
    plan: LoadPlan, server: ServerProcess | None, criteria: Criteria, interrupts: _Interrupts
) -> dict[str, Any]:
    """The report of the largest trial that held, or else of the last one, with all trials in it."""
    trials: list[dict[str, Any]] = []
    steps, best, last = search(plan.calls), None, None
    try:
        calls = next(steps)
        while not interrupts.came:
            ramp = plan.ramp_seconds * calls / plan.calls
            last = _hold(replace(plan, calls=calls, ramp_seconds=ramp, run=secrets.token_hex(4)), server, interrupts)
            if last["interrupted"]:
                break
            broken = criteria.broken_by(last)
            trials.append({"calls": calls, "held": broken is None, "verdict": broken or "held"} | _key_figures(last))
            print(f"{calls} calls: {trials[-1]['verdict']}", file=sys.stderr)
            best = best if broken else last
            if set(last["failures"]) & HOPELESS:
                break
            calls = steps.send(broken is None)
    except StopIteration:
        pass
    report = best or last
    assert report is not None
    held = max((trial["calls"] for trial in trials if trial["held"]), default=0)
    return report | {
        "interrupted": interrupts.came,
        "capacity": {"calls": held, "criteria": str(criteria), "trials": trials},
    }


def _key_figures(report: dict[str, Any]) -> dict[str, Any]:
    """What a trial is drawn by."""
    latency = report["mouth_to_ear_ms"]
    return {
        "missing_percent": report["frames"]["missing_percent"],
        "misses_percent": report["deadline"]["misses_percent"],
        "mouth_to_ear_p95_ms": latency and latency["p95"],
        "server_cpu_percent": report["server_process"].get("cpu_percent_of_a_core"),
        "load_late_p99_ms": report["load"]["late_ms"] and report["load"]["late_ms"]["p99"],
    }


def _write(report: dict[str, Any], json_path: str | None, html_path: Path | None) -> None:
    text = json.dumps(report, indent=2, allow_nan=False, default=float) + "\n"
    print(summary(report), file=sys.stderr if json_path == "-" else sys.stdout)
    if json_path == "-":
        print(text, end="")
    elif json_path is not None:
        with replacing(Path(json_path)) as part:
            part.write_text(text, encoding="utf-8")
    if html_path is not None:
        with replacing(html_path) as part:
            part.write_text(page(report), encoding="utf-8")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return int(text)


def _positive(text: str) -> float:
    value = _not_negative(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is no time to measure")
    return value


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number") from None
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 up")
    return value


def _percent(text: str) -> float:
    value = _not_negative(text)
    if value > 100:
        raise argparse.ArgumentTypeError(f"{text} is more than 100 percent")
    return value

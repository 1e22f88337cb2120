"""`thinline call`: joins a call without a browser, plays a sound file to the other side and records what it says."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import numpy as np

from client.call import Call, CallPlan
from client.clip import Clip
from client.errors import CallError
from client.frame import CODEC, FULL_SCALE
from client.progress import show
from client.report import Report, report_of
from codec.atomicfile import replacing
from codec.audiofile import AudioFileError, check_writable_name, read_audio, write_audio
from codec.config import BitrateError

HELP = "join a call without a browser: play a sound file, record the other side"
ERRORS: tuple[type[Exception], ...] = (CallError, AudioFileError, BitrateError, OSError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--room", required=True, help="the room to join; the first one there makes it")
    parser.add_argument("--wav", required=True, type=Path, help="the sound to play: any format, rate and channels")
    parser.add_argument("--record", type=Path, metavar="WAV", help="where to write what the other side says")
    bitrate_help = "set the room to this bitrate: a multiple of 0.75 up to 18 (default: the room's)"
    parser.add_argument("--bitrate", type=float, metavar="KBPS", help=bitrate_help)
    parser.add_argument("--server", default="http://localhost:8080", metavar="URL", help="default: %(default)s")
    parser.add_argument("--name", default="caller", help="what the others see (default: %(default)s)")
    parser.add_argument("--denoise", action="store_true", help="clean the noise out of this voice")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="the token for the room; - for standard input")
    parser.add_argument("--seconds", type=_positive, help="leave so long after joining at the latest")
    parser.add_argument("--json", metavar="PATH", help="write the summary as JSON; - for standard output")
    ways = "how the sound travels to the server: docs/transports.md (default: %(default)s)"
    parser.add_argument("--transport", choices=("channel", "rtp"), default="channel", help=ways)
    again = "how long to try again after a break in mid-call; 0: not at all (default: %(default)s)"
    parser.add_argument("--reconnect", type=float, default=60.0, metavar="SECONDS", help=again)
    parser.add_argument("--insecure", action="store_true", help="accept any certificate of an https server")


def run(args: argparse.Namespace) -> int:
    """Holds the call, then writes the recording and the summary, even of a call that broke."""
    if args.bitrate is not None:
        CODEC.n_q(args.bitrate)
    for path in (args.record, Path(args.json) if args.json not in (None, "-") else None):
        if path is not None and not path.parent.is_dir():
            raise CallError(f"{path}: there is no folder {path.parent}")
    if args.record is not None:
        check_writable_name(args.record)
    clip = Clip(read_audio(args.wav))
    plan = CallPlan(
        args.server,
        args.room,
        args.name,
        args.bitrate,
        args.denoise,
        args.seconds,
        args.insecure,
        args.transport,
        _token(args),
        args.reconnect,
    )
    call, error = asyncio.run(_hold(plan, clip))
    try:
        recording = _record(call, args.record)
    except OSError as failure:
        recording, error = None, error or failure
    _print(report_of(call, str(error) if error else None, recording), call.joined is not None, args.json)
    if error:
        raise error
    return 0


def _token(args: argparse.Namespace) -> str | None:
    """From a file, for what stands on a command line can be read by everyone on the machine."""
    if args.token_file is None:
        return None
    text = sys.stdin.read() if str(args.token_file) == "-" else args.token_file.read_text(encoding="utf-8")
    return str(text).strip()


async def _hold(plan: CallPlan, clip: Clip) -> tuple[Call, Exception | None]:
    """The call when it is over, and why it broke. Ctrl-C hangs up."""
    call = Call(plan, clip)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, call.hang_up)
    status = asyncio.create_task(show(call, sys.stderr))
    try:
        await call.run()
    except CallError as error:
        return call, error
    finally:
        status.cancel()
        await asyncio.gather(status, return_exceptions=True)
    return call, None


def _record(call: Call, path: Path | None) -> Path | None:
    """Writes what was received; a call that received nothing leaves an older recording alone."""
    if path is None or not call.recorder.received:
        return None
    write_audio(path, call.recorder.samples().astype(np.float32) / np.float32(FULL_SCALE))
    return path


def _print(report: Report, was_there: bool, json_path: str | None) -> None:
    if was_there:
        print(report.to_text(), file=sys.stderr if json_path == "-" else sys.stdout)
    if json_path == "-":
        print(report.to_json())
    elif json_path is not None:
        with replacing(Path(json_path)) as part:
            part.write_text(report.to_json() + "\n", encoding="utf-8")


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return seconds

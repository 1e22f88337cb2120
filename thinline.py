"""The command line: `thinline COMMAND ...`. A command is a module that is imported only when it is asked for.

A command module has HELP, add_arguments(parser) and run(args), which gives the exit status. It may have ERRORS, the
exception classes whose text is all that a person needs to see.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

COMMANDS = {
    "serve": ("server.commands.serve", "serve calls to browsers and headless peers"),
    "doctor": ("server.commands.doctor", "check whether this machine can serve calls as it is set up"),
    "token": ("server.commands.token", "make a token, or a link, that lets someone into a room"),
    "ops": ("client.commands.ops", "watch and steer a running server: calls, denoising, bitrate, drain"),
    "call": ("client.commands.call", "join a call from the terminal: play a file, record the other side"),
    "load": ("client.commands.load", "hold many calls at once with a server, and measure them"),
    "encode": ("codec.commands.encode", "encode a sound file into a .tl file"),
    "decode": ("codec.commands.decode", "decode a .tl file into a WAV file"),
    "info": ("codec.commands.info", "describe a .tl file, or the codec itself"),
    "train": ("codec.commands.train", "train the codec on a folder of sound"),
    "train-code-model": ("codec.commands.train_code_model", "teach how likely codes are, so that fewer bits say them"),
    "calibrate-levels": ("codec.commands.calibrate_levels", "make weights' levels come out as loud as they went in"),
    "train-denoiser": ("codec.commands.train_denoiser", "teach a codec's denoiser on a folder of sound"),
    "export": ("codec.commands.export", "turn a training checkpoint into weights that can be shipped"),
    "evaluate": ("codec.commands.evaluate", "judge the codec's sound against Opus and Lyra"),
    "bench": ("codec.commands.bench", "measure how fast the codec runs on this machine"),
}

# A stream computes on one thread. Numeric libraries read these when they are first imported; without them each call
# would wake a thread for every core.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # what a shell reports for a program that SIGINT ended
EXIT_BROKEN_PIPE = 141  # the same for SIGPIPE

_OWN_PACKAGES = {"client", "codec", "server", "web"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit status. Bad arguments leave through SystemExit, as argparse does it."""
    for library in ONE_THREAD:
        os.environ.setdefault(library, "1")
    try:
        status = _dispatch(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more: nothing may be written when the interpreter flushes its streams at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    return status


def _dispatch(argv: Sequence[str]) -> int:
    if not argv:
        print(_overview(), file=sys.stderr)
        return EXIT_USAGE
    name, *rest = argv
    if name in ("-h", "--help"):
        print(_overview())
        return 0
    if name == "--version":
        print(f"thinline {version('thinline')}")
        return 0
    if name not in COMMANDS:
        print(f"thinline: there is no command {name!r}\n\n{_overview()}", file=sys.stderr)
        return EXIT_USAGE
    try:
        return _run(import_module(COMMANDS[name][0]), name, rest)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in _OWN_PACKAGES:
            raise
        extra = "evaluate" if name == "evaluate" else "train"
        return _fail(f"{name} needs {error.name}, which is not installed: pip install 'thinline[{extra}]'")


def _run(command: ModuleType, name: str, argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"thinline {name}", description=command.HELP, allow_abbrev=False)
    command.add_arguments(parser)
    args = parser.parse_args(argv)
    try:
        return int(command.run(args))
    except BrokenPipeError:
        raise
    except getattr(command, "ERRORS", ()) as error:
        return _fail(_text(error))


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _fail(text: str) -> int:
    print(f"thinline: {text}", file=sys.stderr)
    return EXIT_ERROR


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: thinline COMMAND ...",
            "",
            "Voice calls over a very thin line.",
            "",
            *lines,
            "",
            "thinline COMMAND --help says more about one; thinline --version which thinline this is.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

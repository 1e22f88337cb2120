"""What the commands of the codec have in common."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from codec.engine import ENGINES


class CommandError(Exception):
    """A command that can't be carried out as given; the text says why."""


def add_engine_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--engine", choices=ENGINES, help="what runs the network (default: native, else onnx)")


def check_target(source: Path, target: Path) -> None:
    """Raises CommandError where writing `target` can't work or would destroy `source`: before the work, not after."""
    if source.exists() and target.exists() and source.samefile(target):
        raise CommandError(f"{target}: this is the input; choose another name for the output")
    if not target.parent.is_dir():
        raise CommandError(f"{target}: there is no folder {target.parent}")


def summary(target: Path, samples: int, sample_rate: int, rate: str, size: int, compute_seconds: float) -> str:
    """The line that encode and decode end with."""
    seconds = samples / sample_rate
    rtf = compute_seconds / seconds if seconds else 0.0
    return f"{target}: {seconds:.2f} s, {rate}, {size:,} bytes, RTF {rtf:.3f} (compute seconds per second of audio)"


def bitrate_text(bitrates_kbps: set[float]) -> str:
    """One bitrate, or the lowest and the highest."""
    if not bitrates_kbps:
        return "silence"
    low, high = min(bitrates_kbps), max(bitrates_kbps)
    return f"{low:g} kbit/s" if low == high else f"{low:g} to {high:g} kbit/s"

"""`thinline info [file.tl]`."""

from __future__ import annotations

import platform
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path

from safetensors import safe_open

from codec.commands.shared import add_engine_argument, bitrate_text
from codec.config import CodecConfig
from codec.engine import EngineError, load_engine
from codec.tlfile import TlFile, TlFileError, read_tl
from codec.weights import shipped

HELP = "Describe a .tl file; without one, the codec: its engine, weights and versions. Status 1 for a damaged file."
ERRORS = (EngineError, TlFileError, OSError)

PACKAGES = ("thinline", "numpy", "onnxruntime", "av", "aiortc", "torch")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", help="a .tl file")
    add_engine_argument(parser)


def run(args: Namespace) -> int:
    if args.file is None:
        _print_table(_codec_rows(args.engine))
        return 0
    file = read_tl(args.file, salvage=True)
    _print_table(_file_rows(file))
    return 1 if file.damage else 0


def _print_table(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _codec_rows(engine_name: str) -> list[tuple[str, str]]:
    engine = load_engine(engine_name)
    config = engine.config
    rates = config.bitrates_kbps
    return [
        ("engine", engine.name),
        ("precision", engine.precision),
        ("instructions", getattr(engine, "instruction_set", "chosen by the runtime")),
        ("preset", config.preset),
        ("model id", engine.model_id),
        ("parameters", _parameters(config.preset)),
        ("bitrates", f"{rates[0]:g} to {rates[-1]:g} kbit/s in steps of {rates[0]:g}"),
        ("python", platform.python_version()),
        *((package, _version(package)) for package in PACKAGES),
    ]


def _parameters(preset: str) -> str:
    """How many numbers the shipped weights have, and how many of them are in each part; whole numbers are those that
    say how likely codes are."""
    counts: Counter[str] = Counter()
    with safe_open(shipped(preset) / "model.safetensors", framework="numpy") as tensors:
        for name in tensors.keys():  # noqa: SIM118 - it is no dict
            tensor = tensors.get_slice(name)
            part = "code networks" if tensor.get_dtype().startswith("I") else name.partition(".")[0]
            counts[part] += prod(tensor.get_shape())
    parts = ", ".join(f"{part} {count:,}" for part, count in sorted(counts.items()))
    return f"{counts.total():,} ({parts})"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _file_rows(file: TlFile) -> list[tuple[str, str]]:
    config = CodecConfig()
    rates = {config.bitrate_kbps(packet.n_q) for packet in file.packets if not packet.silence}
    payload_bits = sum(packet.payload_bits for packet in file.packets)
    return [
        ("seconds", f"{file.samples / config.sample_rate:.3f}"),
        ("samples", f"{file.samples:,} at {config.sample_rate:,} Hz"),
        ("bitrate", bitrate_text(rates)),
        ("packets", f"{len(file.packets):,} with {file.frames:,} frames"),
        ("model id", file.model_id),
        ("denoised", _how_much(packet.denoised for packet in file.packets)),
        ("payload", _bps(payload_bits, file.frames, config)),
        ("total", f"{_bps(8 * len(file.to_bytes()), file.frames, config)}, headers and checksums included"),
        ("damage", file.damage or "none"),
    ]


def _how_much(denoised: Iterable[bool]) -> str:
    values = set(denoised)
    return "partly" if len(values) > 1 else "yes" if True in values else "no"


def _bps(bits: int, frames: int, config: CodecConfig) -> str:
    """Bits per second of the frames that the file has, the last one whole."""
    return f"{bits * config.frame_rate / frames:,.0f} bit/s" if frames else "no frames"

"""`thinline decode in.tl out.wav`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from codec.audiofile import AudioFileError, check_writable_name, write_audio
from codec.commands.shared import CommandError, add_engine_argument, bitrate_text, check_target, summary
from codec.engine import load_engine
from codec.engine.base import EngineError, Pcm
from codec.packet import PacketError
from codec.stream import StreamDecoder
from codec.tlfile import TlFile, TlFileError, read_tl

HELP = "Decode a .tl file into a 16-bit mono WAV file at 24 kHz."
ERRORS = (AudioFileError, CommandError, EngineError, PacketError, TlFileError, OSError)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("input", type=Path, help="the .tl file to read")
    parser.add_argument("output", type=Path, help="the .wav file to write")
    parser.add_argument("--salvage", action="store_true", help="decode what stands before the damage in a damaged file")
    add_engine_argument(parser)


def run(args: Namespace) -> int:
    check_target(args.input, args.output)
    check_writable_name(args.output)
    file = read_tl(args.input, args.salvage)
    if file.damage and not file.packets:
        raise CommandError(f"{args.input}: nothing to salvage: {file.damage}")
    engine = load_engine(args.engine)
    if file.model_id != engine.model_id:
        raise CommandError(f"{args.input}: made by model {file.model_id}, but this codec is model {engine.model_id}")
    config = engine.config
    decoder = StreamDecoder(engine)
    pcm = _decode(decoder, file)
    write_audio(args.output, pcm, config.sample_rate)
    rate = bitrate_text({config.bitrate_kbps(packet.n_q) for packet in file.packets if not packet.silence})
    size = args.output.stat().st_size
    print(summary(args.output, len(pcm), config.sample_rate, rate, size, decoder.compute_seconds))
    if file.damage:
        print(f"thinline: {args.input}: {file.damage}; decoded what stands before it", file=sys.stderr)
    return 0


def _decode(decoder: StreamDecoder, file: TlFile) -> Pcm:
    """pcm [samples], without the padding of the last frame; a terminal sees how far it is."""
    blocks: list[Pcm] = []
    for packet in tqdm(file.packets, unit="packet", leave=False, disable=None):
        decoder.push(packet)
        blocks.append(decoder.pull(packet.frames))
    return np.concatenate([np.zeros(0, np.float32), *blocks])[: file.decodable_samples]

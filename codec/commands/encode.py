"""`thinline encode in.wav out.tl`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tqdm import tqdm

from codec.audiofile import AudioFileError, read_audio
from codec.commands.shared import CommandError, add_engine_argument, check_target, summary
from codec.config import BitrateError
from codec.engine import load_engine
from codec.engine.base import EngineError, Pcm
from codec.packet import Packet
from codec.stream import StreamEncoder
from codec.tlfile import TlFile, TlFileError, write_tl

HELP = "Encode a sound file (WAV, FLAC, Ogg, MP3, ...; any rate, channels are averaged) into a .tl file."
ERRORS = (AudioFileError, BitrateError, CommandError, EngineError, TlFileError, OSError)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("input", type=Path, help="the sound file to read")
    parser.add_argument("output", type=Path, help="the .tl file to write")
    parser.add_argument("--bitrate", type=float, default=6.0, metavar="KBPS", help="kbit/s, 0.75 to 18 (default: 6)")
    parser.add_argument("--denoise", action="store_true", help="take the background noise out of the voice")
    add_engine_argument(parser)


def run(args: Namespace) -> int:
    check_target(args.input, args.output)
    engine = load_engine(args.engine)
    config = engine.config
    encoder = StreamEncoder(engine, config.n_q(args.bitrate), args.denoise, round(config.frame_rate))
    pcm = read_audio(args.input)
    packets = tuple(_encode(encoder, pcm, config.sample_rate))
    size = write_tl(args.output, TlFile(engine.model_id, len(pcm), packets))
    rate = f"{args.bitrate:g} kbit/s"
    print(summary(args.output, len(pcm), config.sample_rate, rate, size, encoder.compute_seconds))
    return 0


def _encode(encoder: StreamEncoder, pcm: Pcm, sample_rate: int) -> list[Packet]:
    """All packets of a sound, second by second; a terminal sees how far it is."""
    packets: list[Packet] = []
    for start in tqdm(range(0, len(pcm), sample_rate), unit="s", leave=False, disable=None):
        packets += encoder.push(pcm[start : start + sample_rate])
    return packets + encoder.flush()

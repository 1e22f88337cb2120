"""`thinline train-code-model`: how likely codes are becomes part of weights."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.numpy import load_file

from codec.commands.train import add_corpus_arguments, passing_corpus
from codec.engine import EngineError, load_engine
from codec.train.codenetworks import collect, teach
from codec.train.errors import TrainingError
from codec.train.export import with_code_networks
from codec.weights import WeightsError, open_weights

HELP = """Teach weights how likely each code is after the ones before it: calls then say the same codes in fewer bits.
It is done anew after each export, and makes another model id."""
ERRORS = (TrainingError, EngineError, WeightsError, OSError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="weights, as export writes them")
    add_corpus_arguments(parser)
    parser.add_argument("--minutes", type=float, default=160.0, help="of sound, at 3, 6 and 12 kbit/s (default 160)")
    parser.add_argument("--updates", type=int, default=2_000, help="of each quantizer's network (default 2,000)")
    parser.add_argument("--threads", type=int, default=2, help="that compute (default 2)")


def run(args: argparse.Namespace) -> int:
    for name in ("minutes", "updates", "threads"):
        if not getattr(args, name) > 0:
            raise TrainingError(f"{name} {getattr(args, name):g} is not above 0")
    torch.set_num_threads(args.threads)
    weights = open_weights(args.folder)
    engine = load_engine(None, args.folder)
    with passing_corpus(args) as corpus:
        codes = collect(engine, corpus, args.minutes)
    codebooks = load_file(weights.file("model.safetensors"))["quantizer.codebooks"]
    model_id = with_code_networks(weights, teach(codes, codebooks, args.updates))
    print(f"taught by the codes of {len(codes):,} frames: model {model_id} in {args.folder}")
    return 0

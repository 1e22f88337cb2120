"""`thinline calibrate-levels`: weights' levels come out as loud as they went in."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from codec.commands.train import add_corpus_arguments, passing_corpus
from codec.engine import EngineError, load_engine
from codec.train.calibration import excess, with_levels
from codec.train.errors import TrainingError
from codec.weights import WeightsError, open_weights

HELP = """Measure by how much each band of speech comes out too loud, and take it back from weights. It is done anew
after each export, and makes another model id."""
ERRORS = (TrainingError, EngineError, WeightsError, OSError)
DECIBELS = 4.343  # in a neper of power


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="weights, as export writes them")
    add_corpus_arguments(parser)
    parser.add_argument("--clips", type=int, default=100, help="of 3 s, at 6 and 12 kbit/s (default 100)")


def run(args: argparse.Namespace) -> int:
    if args.clips < 1:
        raise TrainingError(f"clips {args.clips} is not above 0")
    torch.set_num_threads(1)
    weights = open_weights(args.folder)
    engine = load_engine(None, args.folder)
    with passing_corpus(args) as corpus:
        found = excess(engine, corpus, args.clips)
    model_id = with_levels(weights, found)
    text = " ".join(f"{DECIBELS * value:.1f}" for value in found)
    print(f"taken from each band, dB: {text}: model {model_id} in {args.folder}")
    return 0

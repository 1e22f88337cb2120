"""`thinline count-codes`: how likely codes are becomes part of weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors.numpy import load_file

from codec.commands.train import add_folder_arguments, open_corpus
from codec.engine import EngineError, load_engine
from codec.train.codecounts import classes_of, count, frequencies_of
from codec.train.errors import TrainingError
from codec.train.export import with_frequencies
from codec.weights import WeightsError, open_weights

HELP = """Count how likely codes are, and write that into weights: calls then say the same codes in fewer bits. It is
done anew after each export, and makes another model id."""
ERRORS = (TrainingError, EngineError, WeightsError, OSError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="weights, as export writes them")
    add_folder_arguments(parser)
    parser.add_argument("--minutes", type=float, default=60.0, help="of sound, at 3, 6 and 12 kbit/s (default 60)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep decoded sound there, as training does")


def run(args: argparse.Namespace) -> int:
    if not args.minutes > 0:
        raise TrainingError(f"minutes {args.minutes:g} is not above 0")
    weights = open_weights(args.folder)
    engine = load_engine(None, args.folder)
    with TemporaryDirectory() as passing:
        corpus = open_corpus(args, args.cache or Path(passing))
        classes = classes_of(load_file(weights.file("model.safetensors"))["quantizer.codebooks"][0])
        counts = count(engine, corpus, classes, args.minutes)
    model_id = with_frequencies(weights, frequencies_of(counts), classes)
    print(f"{counts.sum():,.0f} codes counted: model {model_id} in {args.folder}")
    return 0

"""`thinline export`: a training checkpoint becomes weights that engines load."""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.train.adversary import keep
from codec.train.checkpoint import read_checkpoint
from codec.train.errors import TrainingError
from codec.train.export import export, load_average

HELP = "Write the averaged weights of a training checkpoint as safetensors and step graphs."
ERRORS = (TrainingError, OSError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="checkpoint.pt of a training run")
    parser.add_argument("folder", type=Path, help="where the weights go")


def run(args: argparse.Namespace) -> int:
    model_id = export(load_average(args.checkpoint), args.folder)
    keep(read_checkpoint(args.checkpoint), args.folder)
    print(f"model {model_id} in {args.folder}")
    return 0

"""`thinline export`: a training checkpoint becomes weights that engines load."""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.train.checkpoint import read_checkpoint
from codec.train.errors import TrainingError
from codec.train.export import averaged, export, keep_discriminators, with_denoiser
from codec.weights import WeightsError, open_weights

HELP = """Write the averaged weights of a training checkpoint as safetensors and step graphs; a denoiser's checkpoint
changes the denoiser of the weights that are in the folder."""
ERRORS = (TrainingError, WeightsError, OSError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="checkpoint.pt of a training run")
    parser.add_argument("folder", type=Path, help="where the weights go")


def run(args: argparse.Namespace) -> int:
    checkpoint = read_checkpoint(args.checkpoint)
    if "denoiser" in checkpoint:
        model_id = export(with_denoiser(open_weights(args.folder), checkpoint, args.checkpoint), args.folder)
    else:
        model_id = export(averaged(checkpoint, args.checkpoint), args.folder)
        keep_discriminators(checkpoint, args.folder)
    print(f"model {model_id} in {args.folder}")
    return 0

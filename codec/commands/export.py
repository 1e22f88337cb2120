"""`thinline export`: a training checkpoint becomes weights that engines load."""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.train.checkpoint import read_checkpoint
from codec.train.errors import TrainingError
from codec.train.export import averaged, blended, export, keep_discriminators, with_denoiser
from codec.weights import WeightsError, open_weights

HELP = """Write the averaged weights of a training checkpoint as safetensors and step graphs; a denoiser's checkpoint
changes the denoiser of the weights that are in the folder."""
ERRORS = (TrainingError, WeightsError, OSError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="checkpoint.pt of a training run")
    parser.add_argument("folder", type=Path, help="where the weights go")
    text = "of the decoder, the run's; the rest is of the one in the folder, with which the run began (default 1)"
    parser.add_argument("--share", type=float, default=1.0, help=text)
    text = "of the encoder and the codebooks too, which have to settle then: train --start FOLDER --settle 1"
    parser.add_argument("--everything", action="store_true", help=text)


def run(args: argparse.Namespace) -> int:
    checkpoint = read_checkpoint(args.checkpoint)
    if "denoiser" in checkpoint:
        if args.share != 1:
            raise TrainingError(f"{args.checkpoint} is of a denoiser: it has no share of a decoder")
        model_id = export(with_denoiser(open_weights(args.folder), checkpoint, args.checkpoint), args.folder)
    else:
        model = averaged(checkpoint, args.checkpoint)
        if args.share != 1:
            model = blended(model, open_weights(args.folder), args.share, args.everything)
        model_id = export(model, args.folder)
        keep_discriminators(checkpoint, args.folder)
    print(f"model {model_id} in {args.folder}")
    return 0

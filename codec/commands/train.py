"""`thinline train`: trains a codec on folders of sound."""

from __future__ import annotations

import argparse
import signal
from dataclasses import fields, replace
from pathlib import Path

import torch

from codec.train.augment import Corpus
from codec.train.data import load_clips
from codec.train.errors import TrainingError
from codec.train.loop import Recipe, Trainer
from codec.weights import WeightsError, open_weights

KINDS = ("speech", "noise", "music", "rir")
ERRORS = (TrainingError, WeightsError, OSError)
HELP = "Train a codec on folders of speech, noise, music and room impulse responses."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder with speech/, noise/, music/ and rir/")
    parser.add_argument("--preset", default="base", help="base or large")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoint.pt, log.csv, cache/")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    start.add_argument("--start", type=Path, metavar="FOLDER", help="begin with these exported weights")
    parser.add_argument("--exclude", nargs="*", default=[], metavar="WORD", help="leave out paths with WORD in them")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--save-minutes", type=float, default=5.0, help="minutes between checkpoints (default 5)")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of the networks' blocks")
    for name, kind, text in (
        ("steps", int, "updates in all"),
        ("continuous-steps", int, "updates before the quantizer comes in"),
        ("batch", int, "examples a step"),
        ("frames", int, "frames an example"),
        ("learning-rate", float, "at its peak"),
        ("final-learning-rate", float, "at the last step"),
        ("seed", int, "of everything random"),
    ):
        parser.add_argument(f"--{name}", type=kind, help=text)


def run(args: argparse.Namespace) -> int:
    if args.threads < 1:
        raise TrainingError(f"threads {args.threads} is not above 0")
    torch.set_num_threads(args.threads)
    given = {f.name: getattr(args, f.name, None) for f in fields(Recipe)}
    recipe = replace(Recipe(), **{name: value for name, value in given.items() if value is not None})
    if args.start:
        recipe = replace(recipe, continuous_steps=0)  # their codebooks are good already
    start = open_weights(args.start) if args.start else None
    clips = {kind: load_clips(args.data / kind, args.out / "cache", tuple(args.exclude)) for kind in KINDS}
    trainer = Trainer(recipe, Corpus(**clips), args.out, start)
    if args.resume:
        trainer.resume()
    for number in (signal.SIGINT, signal.SIGTERM):  # whoever ends it, the run is saved first
        signal.signal(number, signal.default_int_handler)
    trainer.run(args.save_minutes)
    return 0

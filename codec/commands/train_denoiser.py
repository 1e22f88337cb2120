"""`thinline train-denoiser`: teaches a codec's denoiser on folders of sound."""

from __future__ import annotations

import argparse

from codec.commands.train import add_sound_arguments, begin, load_corpus, told
from codec.train.denoising import DenoiseRecipe, DenoiserTrainer
from codec.train.errors import TrainingError
from codec.weights import WeightsError, open_weights

ERRORS = (TrainingError, WeightsError, OSError)
HELP = "Teach a codec's denoiser, alone, on folders of speech, noise, music and room impulse responses."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_sound_arguments(parser)
    for name, kind, text in (
        ("steps", int, "updates in all"),
        ("batch", int, "examples a step"),
        ("frames", int, "frames an example"),
        ("speech-pieces", int, "examples of speech that are prepared, to be mixed with"),
        ("noise-pieces", int, "as many of noise"),
        ("learning-rate", float, "at its peak"),
        ("seed", int, "of everything random"),
    ):
        parser.add_argument(f"--{name}", type=kind, help=text)


def run(args: argparse.Namespace) -> int:
    recipe = told(args, DenoiseRecipe())
    start = open_weights(args.start) if args.start else None
    trainer = DenoiserTrainer(recipe, load_corpus(args), args.out, start)
    begin(trainer, args)
    return 0

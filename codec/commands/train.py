"""`thinline train`: trains a codec on folders of sound."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from codec.train.adversary import kept
from codec.train.augment import Corpus
from codec.train.checkpoint import Choices, begun_with
from codec.train.data import load_clips
from codec.train.errors import DataError, TrainingError
from codec.train.loop import Trainer
from codec.train.recipe import Recipe
from codec.train.run import Run
from codec.weights import WeightsError, open_weights

KINDS = ("speech", "noise", "music", "rir")
ERRORS = (TrainingError, WeightsError, OSError)
HELP = "Train a codec on folders of speech, noise, music and room impulse responses."


def add_folder_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the sounds are."""
    parser.add_argument("--data", type=Path, help="folder with speech/, noise/, music/ and rir/")
    for name in KINDS:
        own = f"folders of {name}, in place of the one in --data"
        parser.add_argument(f"--{name}", type=Path, nargs="+", metavar="FOLDER", help=own)
    parser.add_argument("--exclude", nargs="*", default=[], metavar="WORD", help="leave out paths with WORD in them")


def add_corpus_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the sounds are, for a command without a folder of its own to decode them into."""
    add_folder_arguments(parser)
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep decoded sound there, as training does")


@contextmanager
def passing_corpus(args: argparse.Namespace) -> Iterator[Corpus]:
    """The sounds that `args` name, decoded into --cache, or for now. Raises DataError."""
    with TemporaryDirectory() as passing:
        yield open_corpus(args, args.cache or Path(passing))


def add_sound_arguments(parser: argparse.ArgumentParser) -> None:
    """What training of any kind has in common."""
    add_folder_arguments(parser)
    parser.add_argument("--preset", help="base (default) or large")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoint.pt, log.csv, cache/")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="go on from --out's checkpoint, as its run was told to")
    start.add_argument("--start", type=Path, metavar="FOLDER", help="begin with these exported weights")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--save-minutes", type=float, default=5.0, help="minutes between checkpoints (default 5)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_sound_arguments(parser)
    parser.add_argument("--discriminators", nargs="+", metavar="NAME", help="stft:WINDOW[:BANDS], wave:N or period:N")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of the networks' blocks")
    for name, kind, text in (
        ("steps", int, "updates in all"),
        ("continuous-steps", int, "updates before the quantizer comes in"),
        ("batch", int, "examples a step"),
        ("frames", int, "frames an example"),
        ("continuous-learning-rate", float, "until the quantizer comes in"),
        ("learning-rate", float, "from then on, at its peak"),
        ("final-learning-rate", float, "at the last step"),
        ("adversarial-from", int, "updates before the discriminators come in"),
        ("discriminator-channels", int, "their width"),
        ("settle", float, "share of the updates, the last, that leave the encoder alone (default 0.1)"),
        ("seed", int, "of everything random"),
    ):
        parser.add_argument(f"--{name}", type=kind, help=text)


def run(args: argparse.Namespace) -> int:
    recipe = told(args, Recipe())
    judges = kept(args.start) if args.start else None
    if args.start:
        recipe = replace(recipe, continuous_steps=0)  # their codebooks are good already
        if judges and not (args.discriminators or args.discriminator_channels):  # so are those who judged them
            recipe = replace(
                recipe,
                discriminators=judges.names,
                discriminator_channels=judges.channels,
                adversarial_from=0 if args.adversarial_from is None else args.adversarial_from,
            )
    start = open_weights(args.start) if args.start else None
    corpus = load_corpus(args)
    if not corpus.music:
        recipe = replace(recipe, mixture=replace(recipe.mixture, music=0.0))
    begin(Trainer(recipe, corpus, args.out, start, judges), args)
    return 0


def told(args: argparse.Namespace, recipe: Choices) -> Choices:
    """`recipe`, or with --resume that of the run that goes on, but for what `args` tell. Raises TrainingError."""
    begun = begun_with(recipe, args.out / "checkpoint.pt") if args.resume else recipe
    given = {f.name: getattr(args, f.name, None) for f in fields(recipe)}  # type: ignore[arg-type]
    lists = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return replace(begun, **{name: value for name, value in lists.items() if value is not None})  # type: ignore[type-var]


def load_corpus(args: argparse.Namespace) -> Corpus:
    """Raises DataError. Sets the number of threads, too, before anything is computed."""
    if args.threads < 1:
        raise TrainingError(f"threads {args.threads} is not above 0")
    torch.set_num_threads(args.threads)
    return open_corpus(args, args.out / "cache")


def open_corpus(args: argparse.Namespace, cache: Path) -> Corpus:
    """The sounds in the folders that `args` name, decoded into `cache`. Raises DataError."""
    folders = {kind: _folders(args, kind) for kind in KINDS}
    exclude = tuple(args.exclude)
    return Corpus(**{kind: load_clips(where, cache, exclude) for kind, where in folders.items() if where})


def begin(trainer: Run, args: argparse.Namespace) -> None:
    """From the start or from where it stopped; whoever ends it, the run is saved first."""
    if args.resume:
        trainer.resume()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: trainer.stop())
    trainer.run(args.save_minutes)


def _folders(args: argparse.Namespace, kind: str) -> list[Path]:
    """Where the sounds of a kind are; music alone may be nowhere. Raises DataError when nothing says so."""
    own: list[Path] | None = getattr(args, kind)
    if own or args.data:
        return own or [args.data / kind]
    if kind == "music":
        return []
    raise DataError(f"no folder of {kind}: give --data, or --{kind}")

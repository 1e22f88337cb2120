"""What stops a training run, in words for the person who started it."""

from __future__ import annotations


class TrainingError(Exception):
    """Training that can't begin or must stop: a recipe, a checkpoint, a gradient."""


class DataError(TrainingError):
    """A data folder that training can't use."""

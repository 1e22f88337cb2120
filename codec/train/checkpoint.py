"""Checkpoint files: all that an exact resume needs."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from codec.train.errors import TrainingError

Choices = TypeVar("Choices")  # a dataclass: a recipe, or a part of one


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """The old checkpoint stays until the new one is whole."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU. Raises TrainingError when there is none or it can't be read."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"no checkpoint at {path}") from None
    except Exception as error:
        raise TrainingError(f"{path} is not a checkpoint, or it is damaged") from error
    return content


def begun_with(recipe: Choices, path: Path) -> Choices:
    """`recipe`, as the run chose it whose checkpoint this is; what that did not know yet stays. Raises
    TrainingError."""
    begun = read_checkpoint(path).get("recipe")
    if not isinstance(begun, dict):
        raise TrainingError(f"{path} is no run's checkpoint: it has no recipe")
    return _chosen(recipe, begun)


def _chosen(recipe: Choices, begun: dict[str, Any]) -> Choices:
    given = dict[str, Any]()
    for field in fields(recipe):  # type: ignore[arg-type]
        if field.name in begun:
            own, value = getattr(recipe, field.name), begun[field.name]
            given[field.name] = _chosen(own, value) if is_dataclass(own) else value
    return replace(recipe, **given)  # type: ignore[type-var]

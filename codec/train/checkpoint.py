"""Checkpoint files: all that an exact resume needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from codec.train.errors import TrainingError


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

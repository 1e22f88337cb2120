"""What stops an evaluation."""

from __future__ import annotations


class EvaluationError(Exception):
    """An evaluation that can't be done as asked; the text names what was wrong."""

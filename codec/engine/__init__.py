"""Engines by name. Each runtime is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from codec.engine.base import Engine, EngineError
from codec.weights import WeightsError, open_weights, shipped

__all__ = ["ENGINES", "Engine", "EngineError", "load_engine"]

ENGINES = {"onnx": "codec.engine.onnx", "torch": "codec.engine.torch"}


def load_engine(name: str = "onnx", weights: Path | None = None, preset: str = "base") -> Engine:
    """An engine with the weights in a folder, or else the shipped ones of a preset. Raises EngineError."""
    if name not in ENGINES:
        raise EngineError(f"engine {name!r} is not one of {', '.join(ENGINES)}")
    try:
        opened = open_weights(weights or shipped(preset))
        engine: Engine = import_module(ENGINES[name]).load(opened)
    except WeightsError as error:
        raise EngineError(str(error)) from None
    except ModuleNotFoundError as error:
        raise EngineError(f"engine {name!r} needs {error.name}, which is not installed") from None
    return engine

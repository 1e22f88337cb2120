"""Engines by name. Each runtime is imported only when it is asked for."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path

from codec.engine.base import Engine, EngineError, EngineUnavailableError
from codec.weights import WeightsError, open_weights, shipped

__all__ = ["ENGINES", "VARIABLES", "Engine", "EngineError", "load_engine"]

ENGINES = {"native": "codec.engine.native", "onnx": "codec.engine.onnx", "torch": "codec.engine.torch"}
BEST, SUBSTITUTE = "native", "onnx"

# Environment variables that an engine reads when it is loaded.
VARIABLES = ("THINLINE_NATIVE_ISA", "THINLINE_NATIVE_PRECISION")

log = logging.getLogger(__name__)


def load_engine(name: str | None = None, weights: Path | None = None, preset: str = "base") -> Engine:
    """An engine with the weights in a folder, or else the shipped ones of a preset. Raises EngineError.

    Without a name: the fastest one; where that can't be built or loaded, the log says so and the next best runs.
    """
    if name is not None and name not in ENGINES:
        raise EngineError(f"engine {name!r} is not one of {', '.join(ENGINES)}")
    try:
        return _load(name or BEST, weights, preset)
    except EngineUnavailableError as error:
        if name is not None:
            raise
        log.warning("engine %s is used: %s", SUBSTITUTE, error)
        return _load(SUBSTITUTE, weights, preset)


def _load(name: str, weights: Path | None, preset: str) -> Engine:
    try:
        opened = open_weights(weights or shipped(preset))
        engine: Engine = import_module(ENGINES[name]).load(opened)
    except WeightsError as error:
        raise EngineError(str(error)) from None
    except ModuleNotFoundError as error:
        raise EngineError(f"engine {name!r} needs {error.name}, which is not installed") from None
    return engine

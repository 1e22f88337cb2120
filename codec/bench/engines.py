"""The engines that are to be measured, one for each preset and precision."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from codec.config import PRESETS
from codec.engine import Engine, EngineError, load_engine
from codec.weights import WeightsError, shipped

# Engines that know more than one precision, and the variable that chooses it.
PRECISIONS = {"native": ("THINLINE_NATIVE_PRECISION", ("int8", "bf16", "fp32"))}
ONLY = "fp32"


@dataclass(frozen=True, slots=True)
class Candidate:
    engine: str
    preset: str
    precision: str

    def __str__(self) -> str:
        return f"{self.engine} {self.precision}, {self.preset}"


def candidates(engines: list[str], presets: list[str], precisions: list[str] | None) -> list[Candidate]:
    """All there are; `precisions` None means each that an engine knows. Raises EngineError where none is left."""
    found = [
        Candidate(engine, preset, precision)
        for preset in presets
        for engine in engines
        for precision in PRECISIONS.get(engine, ("", (ONLY,)))[1]
        if precisions is None or precision in precisions
    ]
    if not found:
        raise EngineError(f"no engine of {', '.join(engines)} computes in {', '.join(precisions or [])}")
    return found


class Bank:
    """Loads engines; for presets that ship no weights it makes random ones of the right shape, once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, candidate: Candidate) -> tuple[Engine, str]:
        """The engine, and what its weights are. Raises EngineError."""
        weights = self._weights(candidate.preset)
        with _precision(candidate):
            return load_engine(candidate.engine, weights, candidate.preset), "shipped" if weights is None else "random"

    def _weights(self, preset: str) -> Path | None:
        """None for those that are shipped. Raises EngineError where none can be made."""
        try:
            shipped(preset)
        except WeightsError:
            return _random_weights(preset, self._folder / preset)
        return None


@contextmanager
def bank() -> Iterator[Bank]:
    with TemporaryDirectory() as folder:
        yield Bank(Path(folder))


@contextmanager
def _precision(candidate: Candidate) -> Iterator[None]:
    """An engine reads its precision from the environment when it is loaded."""
    variable, _ = PRECISIONS.get(candidate.engine, (None, ()))
    before = os.environ.get(variable) if variable else None
    try:
        if variable:
            os.environ[variable] = candidate.precision
        yield
    finally:
        if variable and before is None:
            del os.environ[variable]
        elif variable and before is not None:
            os.environ[variable] = before


@cache
def _random_weights(preset: str, folder: Path) -> Path:
    """As training starts with them. Raises EngineError where PyTorch or onnx, which make them, are not installed."""
    try:
        from codec.train.export import export
        from codec.train.generator import folded, trainable
    except ModuleNotFoundError as error:
        raise EngineError(
            f"no weights of preset {preset} are shipped, and to make random ones needs {error.name}: "
            "pip install 'thinline[train]'"
        ) from None
    export(folded(trainable(PRESETS[preset])), folder)
    return folder

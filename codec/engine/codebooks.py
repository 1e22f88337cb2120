"""Codebooks in numpy: the residual search, for engines whose networks stop at the projected embedding, and the model of
how likely codes are, for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from codec.config import search_paths
from codec.engine.base import Codes
from codec.entropy import CodeModel, CodeNetworks
from codec.weights import Weights, WeightsError

Vector = NDArray[np.float32]
Model = TypeVar("Model", bound=CodeModel)


def tensors_of(weights: Weights) -> dict[str, NDArray[Any]]:
    """By name. Raises WeightsError where they have no codebooks, or others than the codec has: of another version."""
    tensors, config = load_file(weights.file("model.safetensors")), weights.config
    wanted = {
        "quantizer.codebooks": (config.quantizers, config.codebook_size, config.code_dimension),
        "quantizer.prediction": (config.code_dimension,),
    }
    for name, shape in wanted.items():
        if name not in tensors:
            raise WeightsError(f"the tensors do not fit preset {config.preset}: {name!r} is missing")
        if (found := tensors[name].shape) != shape:
            raise WeightsError(f"the tensors do not fit preset {config.preset}: {name} are {found}, not {shape}")
    return tensors


def code_model_of(tensors: Mapping[str, NDArray[Any]], kind: type[Model]) -> Model:
    """The model of codes, of an engine's kind, in a set of weights. Raises WeightsError where there is none."""
    try:
        networks = CodeNetworks(*(tensors[f"quantizer.{name}"] for name in CodeNetworks._fields))
        return kind(tensors["quantizer.codebooks"], networks)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"the tensors do not say how likely codes are: {error}") from None


class Codebooks:
    """Codebooks [Q, K, d], kept twice: entries for decoding, columns for the search; and what of each number of a frame
    is expected in the next [d]. `last` is what a stream's frame before came to, [d]."""

    def __init__(self, entries: NDArray[np.float32], prediction: Vector) -> None:
        self.prediction = np.asarray(prediction, dtype=np.float32)
        self.entries = np.ascontiguousarray(entries, dtype=np.float32)
        self.columns = np.ascontiguousarray(self.entries.transpose(0, 2, 1))
        self.half_norms = np.square(self.entries).sum(axis=2) / 2

    def initial_state(self) -> Vector:
        """`last` before the first frame."""
        return np.zeros_like(self.prediction)

    def encode(self, z: Vector, n_q: int, last: Vector) -> tuple[Codes, Vector]:
        """Projected embedding z [d], last -> codes [n_q], next last."""
        codes = self.search(z - self.prediction * last, n_q)
        return codes, self.decode(codes, last)

    def decode(self, codes: Codes, last: Vector) -> Vector:
        """codes [n_q], last -> projected embedding [d], which is the next last."""
        z: Vector = self.prediction * last + self.entries[np.arange(len(codes)), codes].sum(axis=0)
        return z

    def search(self, z: Vector, n_q: int) -> Codes:
        """What is to be coded [d] -> codes [n_q]: of all entries after each of the paths kept so far, the
        search_paths(n_q) that leave least go on, at last the best."""
        left = z[None]
        codes: NDArray[np.int16] = np.empty((1, 0), dtype=np.int16)
        for stage in range(n_q):
            own = np.square(left).sum(axis=1) / 2
            distance = (own[:, None] + (self.half_norms[stage] - left @ self.columns[stage])).ravel()  # half, squared
            best = _least(distance, search_paths(n_q) if stage + 1 < n_q else 1)
            path, code = np.divmod(best, len(self.half_norms[stage]))
            left = left[path] - self.entries[stage, code]
            codes = np.column_stack([codes[path], code.astype(np.int16)])
        found: Codes = codes[0]
        return found


def _least(values: Vector, count: int) -> NDArray[np.intp]:
    """Where the `count` least are, the least first; of equals, the first."""
    among = np.flatnonzero(~(values > np.partition(values, count - 1)[count - 1]))  # what is no number counts too
    return among[np.argsort(values[among], kind="stable")[:count]]

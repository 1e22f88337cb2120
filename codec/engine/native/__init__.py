"""Our own engine in C++ (docs/engine.md): one thread, every instruction set it knows, chosen at run time."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from codec.engine.base import Codes, DecodeStep, EncodeStep, EngineError, Pcm
from codec.engine.native.binding import Handle, instruction_sets, open_library
from codec.engine.native.build import LIBRARY
from codec.engine.native.plan import plan
from codec.weights import Weights, WeightsError

PRECISIONS = ("bf16", "fp32")
SET_VARIABLE = "THINLINE_NATIVE_ISA"
PRECISION_VARIABLE = "THINLINE_NATIVE_PRECISION"


class State:
    """What one direction of a stream keeps: some rows of input of each stage, as bytes. Changed in place."""

    __slots__ = ("address", "memory")

    def __init__(self, memory: NDArray[np.uint8]) -> None:
        self.memory, self.address = memory, memory.ctypes.data

    def __deepcopy__(self, memo: dict[int, Any]) -> State:
        return State(self.memory.copy())


class NativeEngine:
    """See codec.engine.base.Engine. `instruction_set` names the code that runs."""

    name = "native"

    def __init__(self, weights: Weights, precision: str, instruction_set: str | None) -> None:
        library = open_library(LIBRARY)
        sets = instruction_sets(library)
        self.config, self.model_id, self.precision = weights.config, weights.model_id, precision
        self.instruction_set = choose_set(sets, instruction_set)
        try:
            planned = plan(weights.config, load_file(weights.file("model.safetensors")))
        except KeyError as error:
            raise WeightsError(f"the tensors do not fit preset {weights.config.preset}: {error} is missing") from None
        index = list(sets).index(self.instruction_set)
        self._handle = Handle(library, weights.config, planned, precision == "bf16", index)
        self._encode, self._decode = library.thinline_encode, library.thinline_decode

    def encoder_state(self) -> State:
        return State(np.zeros(self._handle.encoder_bytes, dtype=np.uint8))

    def decoder_state(self) -> State:
        return State(np.zeros(self._handle.decoder_bytes, dtype=np.uint8))

    def encode(self, pcm: Pcm, n_q: int, denoise: float, state: State) -> tuple[Codes, State]:
        return self.encode_many((EncodeStep(pcm, n_q, denoise, state),))[0]

    def decode(self, codes: Codes, state: State) -> tuple[Pcm, State]:
        return self.decode_many((DecodeStep(codes, state),))[0]

    def encode_many(self, steps: Sequence[EncodeStep]) -> list[tuple[Codes, State]]:
        count, config = len(steps), self.config
        frames = [np.ascontiguousarray(step.pcm, dtype=np.float32) for step in steps]
        if any(frame.shape != (config.hop,) for frame in frames):
            raise ValueError(f"a frame has {config.hop} samples")
        if any(not 1 <= step.n_q <= config.quantizers for step in steps):
            raise ValueError(f"n_q is outside 1..{config.quantizers}")
        codes = [np.empty(step.n_q, dtype=np.int16) for step in steps]
        self._encode(
            self._handle.pointer,
            count,
            (ctypes.c_void_p * count)(*[frame.ctypes.data for frame in frames]),
            (ctypes.c_int32 * count)(*[step.n_q for step in steps]),
            (ctypes.c_float * count)(*[step.denoise for step in steps]),
            (ctypes.c_void_p * count)(*[step.state.address for step in steps]),
            (ctypes.c_void_p * count)(*[code.ctypes.data for code in codes]),
        )
        return [(code, step.state) for code, step in zip(codes, steps, strict=True)]

    def decode_many(self, steps: Sequence[DecodeStep]) -> list[tuple[Pcm, State]]:
        count, config = len(steps), self.config
        codes = [np.ascontiguousarray(step.codes, dtype=np.int16) for step in steps]
        if any(not 1 <= len(code) <= config.quantizers for code in codes):
            raise ValueError(f"the number of codes is outside 1..{config.quantizers}")
        if any(code.min() < 0 or code.max() >= config.codebook_size for code in codes):
            raise ValueError(f"a code is outside 0..{config.codebook_size - 1}")
        frames = [np.empty(config.hop, dtype=np.float32) for _ in steps]
        self._decode(
            self._handle.pointer,
            count,
            (ctypes.c_void_p * count)(*[code.ctypes.data for code in codes]),
            (ctypes.c_int32 * count)(*[len(code) for code in codes]),
            (ctypes.c_void_p * count)(*[step.state.address for step in steps]),
            (ctypes.c_void_p * count)(*[frame.ctypes.data for frame in frames]),
        )
        return [(frame, step.state) for frame, step in zip(frames, steps, strict=True)]


def choose_set(sets: Mapping[str, bool], wanted: str | None) -> str:
    """The best of `sets` that runs here, or the one wanted. Raises EngineError."""
    if wanted is None:
        return next(name for name, runs in sets.items() if runs)
    if wanted not in sets:
        raise EngineError(f"{SET_VARIABLE}: {wanted!r} is not one of {', '.join(sets)}")
    if not sets[wanted]:
        raise EngineError(f"{SET_VARIABLE}: this processor does not have {wanted}")
    return wanted


def load(weights: Weights) -> NativeEngine:
    """Raises EngineError where the library can't be used, or for settings that it does not have."""
    precision = os.environ.get(PRECISION_VARIABLE, PRECISIONS[0])
    if precision not in PRECISIONS:
        raise EngineError(f"{PRECISION_VARIABLE}: {precision!r} is not one of {', '.join(PRECISIONS)}")
    return NativeEngine(weights, precision, os.environ.get(SET_VARIABLE))

"""Our own engine in C++ (docs/engine.md): one thread, every instruction set it knows, chosen at run time."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.engine.base import Codes, DecodeStep, EncodeStep, EngineError, Pcm
from codec.engine.codebooks import code_model_of, tensors_of
from codec.engine.native.binding import Handle, instruction_sets, open_library
from codec.engine.native.build import LIBRARY
from codec.engine.native.plan import plan
from codec.entropy import CodeModel
from codec.highband import HIGH_PARTS, USUAL_SHARES, Parts
from codec.weights import Weights, WeightsError

PRECISIONS = ("int8", "bf16", "fp32")  # the default first
SET_VARIABLE = "THINLINE_NATIVE_ISA"
PRECISION_VARIABLE = "THINLINE_NATIVE_PRECISION"


Address, Count, Share = ctypes.c_void_p, ctypes.c_int32, ctypes.c_float
One, OneCount, OneShare = Address * 1, Count * 1, Share * 1


class State:
    """What one direction of a stream keeps: some rows of input of each stage, as bytes. Changed in place."""

    __slots__ = ("address", "memory")

    def __init__(self, memory: NDArray[np.uint8]) -> None:
        self.memory, self.address = memory, memory.ctypes.data

    def __deepcopy__(self, memo: dict[int, Any]) -> State:
        return State(self.memory.copy())


class NativeCodeModel(CodeModel):
    """The same, but where a frame's codes lie is found in the library, in a twentieth of the time."""

    handle: Handle  # which is made of this model, and given to it then

    def intervals(self, codes: Sequence[int]) -> list[list[int]]:
        given, found = np.array(codes, dtype=np.int16), np.empty((len(codes), 3), dtype=np.int32)
        handle = self.handle
        if not handle.library.thinline_intervals(handle.pointer, _address(given), len(given), _address(found)):
            raise ValueError(f"codes {list(codes)} are not all codes of this model")
        intervals: list[list[int]] = found.tolist()
        return intervals


class NativeEngine:
    """See codec.engine.base.Engine. `instruction_set` names the code that runs."""

    name = "native"

    def __init__(self, weights: Weights, precision: str, instruction_set: str | None) -> None:
        library = open_library(LIBRARY)
        sets = instruction_sets(library)
        self.config, self.model_id, self.precision = weights.config, weights.model_id, precision
        self.instruction_set = choose_set(sets, instruction_set, precision)
        tensors = tensors_of(weights)
        try:
            planned = plan(weights.config, tensors)
        except KeyError as error:
            raise WeightsError(f"the tensors do not fit preset {weights.config.preset}: {error} is missing") from None
        self.code_model = code_model_of(tensors, NativeCodeModel)
        index = list(sets).index(self.instruction_set)
        self._handle = Handle(library, weights.config, planned, self.code_model, precision, index)
        self.code_model.handle = self._handle
        self._pointer = self._handle.pointer
        self._encode, self._decode = library.thinline_encode, library.thinline_decode

    def encoder_state(self) -> State:
        return State(np.zeros(self._handle.encoder_bytes, dtype=np.uint8))

    def high_powers(self, state: State) -> Parts:
        at = self._handle.high_band_at
        return state.memory[at : at + 4 * HIGH_PARTS].view(np.float32)

    def decoder_state(self) -> State:
        return State(np.zeros(self._handle.decoder_bytes, dtype=np.uint8))

    def encode(self, pcm: Pcm, n_q: int, denoise: float, state: State) -> tuple[Codes, State]:
        frame, codes = self._frame(pcm), self._codes(n_q)
        at, to = One(frame.ctypes.data), One(_address(codes))
        self._encode(self._pointer, 1, at, OneCount(n_q), OneShare(denoise), One(state.address), to)
        return codes, state

    def decode(self, codes: Codes, state: State, shares: Parts = USUAL_SHARES) -> tuple[Pcm, State]:
        codes, pcm = self._checked(codes), np.empty(self.config.hop, dtype=np.float32)
        at, to, parts = One(codes.ctypes.data), One(_address(pcm)), One(_parts(shares))
        if not self._decode(self._pointer, 1, at, OneCount(len(codes)), parts, One(state.address), to):
            raise self._no_code()
        return pcm, state

    def encode_many(self, steps: Sequence[EncodeStep]) -> list[tuple[Codes, State]]:
        count = len(steps)
        frames = [self._frame(step.pcm) for step in steps]
        codes = [self._codes(step.n_q) for step in steps]
        self._encode(
            self._pointer,
            count,
            (Address * count)(*[frame.ctypes.data for frame in frames]),
            (Count * count)(*[step.n_q for step in steps]),
            (Share * count)(*[step.denoise for step in steps]),
            (Address * count)(*[step.state.address for step in steps]),
            (Address * count)(*map(_address, codes)),
        )
        return [(code, step.state) for code, step in zip(codes, steps, strict=True)]

    def decode_many(self, steps: Sequence[DecodeStep]) -> list[tuple[Pcm, State]]:
        count = len(steps)
        codes = [self._checked(step.codes) for step in steps]
        frames = [np.empty(self.config.hop, dtype=np.float32) for _ in steps]
        decoded = self._decode(
            self._pointer,
            count,
            (Address * count)(*[code.ctypes.data for code in codes]),
            (Count * count)(*map(len, codes)),
            (Address * count)(*[_parts(step.shares) for step in steps]),
            (Address * count)(*[step.state.address for step in steps]),
            (Address * count)(*map(_address, frames)),
        )
        if not decoded:
            raise self._no_code()
        return [(frame, step.state) for frame, step in zip(frames, steps, strict=True)]

    def _frame(self, pcm: Pcm) -> Pcm:
        frame = np.ascontiguousarray(pcm, dtype=np.float32)
        if frame.shape != (self.config.hop,):
            raise ValueError(f"a frame has {self.config.hop} samples, this one {frame.shape}")
        return frame

    def _codes(self, n_q: int) -> Codes:
        if not 1 <= n_q <= self.config.quantizers:
            raise ValueError(f"n_q {n_q} is outside 1..{self.config.quantizers}")
        return np.empty(n_q, dtype=np.int16)

    def _checked(self, codes: Codes) -> Codes:
        checked = np.ascontiguousarray(codes, dtype=np.int16)
        if checked.ndim != 1 or not 1 <= len(checked) <= self.config.quantizers:
            raise ValueError(f"codes {checked.shape}: their number is outside 1..{self.config.quantizers}")
        return checked

    def _no_code(self) -> ValueError:
        return ValueError(f"a code is outside 0..{self.config.codebook_size - 1}")


def _parts(shares: Parts) -> int:
    """The address of shares that are as they should be."""
    if shares.shape != (HIGH_PARTS,) or shares.dtype != np.float32:
        raise ValueError(f"shares are {shares.dtype} {shares.shape}, not float32 ({HIGH_PARTS},)")
    return int(shares.ctypes.data)


def _address(array: Any) -> int:
    """Of a numpy array that may be written to; a quarter of what `array.ctypes.data` costs."""
    return ctypes.addressof(ctypes.c_char.from_buffer(array))


def choose_set(sets: Mapping[str, bool], wanted: str | None, precision: str = PRECISIONS[0]) -> str:
    """The best of `sets` that runs here, or the one wanted; AMX has no float32. Raises EngineError."""
    if wanted is None:
        return next(name for name, runs in sets.items() if runs and (name != "amx" or precision != "fp32"))
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

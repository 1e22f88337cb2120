"""What runs a step fast: the protocol that every runtime fulfils."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from codec.config import CodecConfig
from codec.entropy import CodeModel
from codec.highband import USUAL_SHARES, Parts

Pcm = NDArray[np.float32]
Codes = NDArray[np.int16]
State = Any  # each engine's own value; callers keep it and hand it back, never look inside


class EncodeStep(NamedTuple):
    """What `encode` takes: pcm [hop], the state before this frame."""

    pcm: Pcm
    n_q: int
    denoise: float
    state: State


class DecodeStep(NamedTuple):
    """What `decode` takes: codes [n_q], the state before this frame, how the highest band is spread."""

    codes: Codes
    state: State
    shares: Parts = USUAL_SHARES


class EngineError(Exception):
    """An engine that can't be had: unknown, not installed, or weights that don't fit."""


class EngineUnavailableError(EngineError):
    """An engine that this installation or this machine does not have; another one may do."""


class Engine(Protocol):
    """One set of weights, shared by all streams. A stream is its two states, nothing else.

    Methods are thread-safe as long as no state is in two calls at once; they release the GIL while they compute.

    A step uses up the state that it is given: an engine may change it in place and return the same object. So go on
    with the state that came back only; who wants to go back keeps a `copy.deepcopy` from before the step.
    """

    name: str
    precision: str
    model_id: str
    config: CodecConfig
    code_model: CodeModel

    def encoder_state(self) -> State:
        """The state of an encoder before its first frame."""

    def encode(self, pcm: Pcm, n_q: int, denoise: float, state: State) -> tuple[Codes, State]:
        """pcm [hop] in [-1, 1], denoise 0 (off) to 1 (on) -> codes [n_q], next state."""

    def high_powers(self, state: State) -> Parts:
        """The powers of the highest band's parts in the frame that an encoder's state is after, [HIGH_PARTS]; a view of
        that state."""

    def decoder_state(self) -> State:
        """The state of a decoder before its first frame."""

    def decode(self, codes: Codes, state: State, shares: Parts = USUAL_SHARES) -> tuple[Pcm, State]:
        """codes [n_q], the shares of the highest band's parts -> pcm [hop], next state."""

    def encode_many(self, steps: Sequence[EncodeStep]) -> list[tuple[Codes, State]]:
        """One frame of each of several streams -> for each what `encode` gives, whoever else is in the batch."""

    def decode_many(self, steps: Sequence[DecodeStep]) -> list[tuple[Pcm, State]]:
        """One frame of each of several streams -> for each what `decode` gives, whoever else is in the batch."""

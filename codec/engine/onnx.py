"""ONNX Runtime, one thread: the exported step graphs, state in and state out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from codec.bands import emphases
from codec.engine.base import Codes, DecodeStep, EncodeStep, EngineError, Pcm
from codec.engine.codebooks import Codebooks, code_model_of, tensors_of
from codec.entropy import CodeModel
from codec.highband import USUAL_SHARES, Parts
from codec.pitch import most_shares
from codec.weights import Weights

Tensors = list[NDArray[np.float32]]


class StepGraph:
    """A graph whose inputs are the given names, then its states; its outputs one tensor, then the next states, then
    what else it says of the frame, which is kept at the end of the states."""

    def __init__(self, path: str, inputs: tuple[str, ...]) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        described = {entry.name: entry.shape for entry in self.session.get_inputs()}
        self.states = [name for name in described if name not in inputs]
        if missing := [name for name in inputs if name not in described]:
            raise EngineError(f"{path} has no input {missing[0]!r}")
        self.shapes = [entry.shape for entry in self.session.get_outputs()[1:]]

    def initial_state(self) -> Tensors:
        return [np.zeros(shape, dtype=np.float32) for shape in self.shapes]

    def run(self, feeds: dict[str, NDArray[np.float32]], state: Tensors) -> tuple[NDArray[np.float32], Tensors]:
        """One step -> the output, the next state."""
        y, *state = self.session.run(None, feeds | dict(zip(self.states, state, strict=False)))
        return y, state


class OnnxEngine:
    """See codec.engine.base.Engine."""

    name = "onnx"
    precision = "fp32"

    def __init__(self, weights: Weights) -> None:
        self.config, self.model_id = weights.config, weights.model_id
        self._encoder = StepGraph(str(weights.file("encoder.onnx")), ("pcm", "denoise"))
        self._decoder = StepGraph(str(weights.file("decoder.onnx")), ("z", "emphasis", "most_share", "shares"))
        self._emphases, self._most_shares = emphases(weights.config), most_shares(weights.config)
        tensors = tensors_of(weights)
        self._codebooks = Codebooks(tensors["quantizer.codebooks"], tensors["quantizer.prediction"])
        self.code_model = code_model_of(tensors, CodeModel)

    def encoder_state(self) -> Tensors:
        return [self._codebooks.initial_state(), *self._encoder.initial_state()]

    def encode(self, pcm: Pcm, n_q: int, denoise: float, state: Tensors) -> tuple[Codes, Tensors]:
        feeds = {"pcm": pcm.reshape(1, 1, 1, -1), "denoise": np.full((1, 1, 1, 1), denoise, dtype=np.float32)}
        z, after = self._encoder.run(feeds, state[1:])
        codes, last = self._codebooks.encode(z.reshape(-1), n_q, state[0])
        return codes, [last, *after]

    def high_powers(self, state: Tensors) -> Parts:
        return state[-1].reshape(-1)

    def decoder_state(self) -> Tensors:
        return [self._codebooks.initial_state(), *self._decoder.initial_state()]

    def decode(self, codes: Codes, state: Tensors, shares: Parts = USUAL_SHARES) -> tuple[Pcm, Tensors]:
        emphasis, most_share = self._emphases[len(codes) - 1], self._most_shares[len(codes) - 1]
        z = self._codebooks.decode(codes, state[0])
        numbers = {"z": z, "emphasis": emphasis, "most_share": most_share, "shares": shares}
        feeds = {name: values.reshape(1, -1, 1, 1) for name, values in numbers.items()}
        pcm, after = self._decoder.run(feeds, state[1:])
        return pcm.reshape(-1), [z, *after]

    def encode_many(self, steps: Sequence[EncodeStep]) -> list[tuple[Codes, Tensors]]:
        return [self.encode(*step) for step in steps]

    def decode_many(self, steps: Sequence[DecodeStep]) -> list[tuple[Pcm, Tensors]]:
        return [self.decode(*step) for step in steps]


def load(weights: Weights) -> OnnxEngine:
    return OnnxEngine(weights)

"""PyTorch, eager: the reference that every other engine is held to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from safetensors.torch import load_file

from codec.engine.base import Codes, DecodeStep, EncodeStep, Pcm
from codec.engine.codebooks import code_model_of
from codec.entropy import CodeModel
from codec.highband import USUAL_SHARES, Parts
from codec.model import SoundStream, misfit
from codec.seanet import State
from codec.weights import Weights, WeightsError


class TorchEngine:
    """See codec.engine.base.Engine."""

    name = "torch"
    precision = "fp32"

    def __init__(self, weights: Weights) -> None:
        self.config, self.model_id = weights.config, weights.model_id
        self.model = SoundStream(weights.config).eval().requires_grad_(False)
        try:
            self.model.load_state_dict(load_file(weights.file("model.safetensors")))
        except RuntimeError as error:
            raise WeightsError(f"the tensors do not fit preset {weights.config.preset}: {misfit(error)}") from None
        tensors = {name: value.numpy() for name, value in self.model.state_dict().items()}
        self.code_model = code_model_of(tensors, CodeModel)

    def encoder_state(self) -> State:
        return self.model.encoder_state(1)

    @torch.inference_mode()
    def encode(self, pcm: Pcm, n_q: int, denoise: float, state: State) -> tuple[Codes, State]:
        mode = torch.full((1, 1), denoise)
        codes, state = self.model.encode_step(torch.from_numpy(pcm)[None, None], n_q, mode, state)
        return codes[0, :, 0].numpy().astype(np.int16), state

    def high_powers(self, state: State) -> Parts:
        return np.asarray(state[-1][0].numpy(), dtype=np.float32)

    def decoder_state(self) -> State:
        return self.model.decoder_state(1)

    @torch.inference_mode()
    def decode(self, codes: Codes, state: State, shares: Parts = USUAL_SHARES) -> tuple[Pcm, State]:
        given, parts = torch.from_numpy(codes.astype(np.int64)), torch.tensor(shares)
        pcm, state = self.model.decode_step(given[None, :, None], state, parts[None, :, None])
        return pcm[0, 0].numpy(), state

    def encode_many(self, steps: Sequence[EncodeStep]) -> list[tuple[Codes, State]]:
        return [self.encode(*step) for step in steps]

    def decode_many(self, steps: Sequence[DecodeStep]) -> list[tuple[Pcm, State]]:
        return [self.decode(*step) for step in steps]


def load(weights: Weights) -> TorchEngine:
    return TorchEngine(weights)

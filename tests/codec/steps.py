"""An engine step by step, as a stream runs it."""

from __future__ import annotations

import numpy as np
import torch

from codec.engine.base import Codes, Engine, Pcm
from codec.engine.torch import TorchEngine


def encoded(engine: Engine, frames: Pcm, n_q: int = 24, denoise: float = 0.0) -> list[Codes]:
    """frames [n, hop] -> codes [n_q] of each."""
    state, codes = engine.encoder_state(), []
    for frame in frames:
        code, state = engine.encode(frame, n_q, denoise, state)
        codes.append(code)
    return codes


def decoded(engine: Engine, codes: list[Codes]) -> Pcm:
    """-> pcm [n, hop]."""
    state, sound = engine.decoder_state(), []
    for code in codes:
        frame, state = engine.decode(code, state)
        sound.append(frame)
    return np.stack(sound)


def left_to_code(reference: TorchEngine, frames: Pcm, given: list[Codes], denoise: float = 0.0) -> torch.Tensor:
    """What of the embeddings of frames [n, hop] is left to code [n, d] where the frames before have the codes given."""
    model, quantizer = reference.model, reference.model.quantizer
    mode, pcm = torch.full((1, len(frames)), denoise), torch.from_numpy(frames.reshape(1, 1, -1))
    z, _ = model.embed_step(pcm, mode, model.embedding_state(1))
    last, left = quantizer.initial_state(1), []
    for vector, codes in zip(quantizer.project(z)[0].T, given, strict=True):
        left.append(vector - quantizer.prediction * last[0])
        last = quantizer.prediction * last + quantizer.entries(as_tensor(codes))
    return torch.stack(left)


def after_the_same(reference: TorchEngine, frames: Pcm, given: list[Codes], denoise: float = 0.0) -> list[Codes]:
    """The codes that the reference finds for each frame where those before it have the codes given: were they its own,
    one that differs would change all that follow."""
    left = left_to_code(reference, frames, given, denoise)
    found = [reference.model.quantizer.search(each[None], len(codes)) for each, codes in zip(left, given, strict=True)]
    return [codes[0].numpy().astype(np.int16) for codes in found]


def as_tensor(codes: Codes) -> torch.Tensor:
    """codes [n_q] -> [1, n_q]."""
    return torch.from_numpy(codes.astype(np.int64))[None]

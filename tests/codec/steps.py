"""An engine step by step, as a stream runs it."""

from __future__ import annotations

import numpy as np

from codec.engine.base import Codes, Engine, Pcm


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

"""Made-up models of codes."""

from __future__ import annotations

import numpy as np

from codec.config import CodecConfig
from codec.entropy import MOST_HIDDEN, OCTAVE, CodeModel, CodeNetworks

CONFIG = CodecConfig()
SHAPE = (CONFIG.quantizers, CONFIG.codebook_size, CONFIG.code_dimension)
FAVOURITE = 5


def even() -> CodeModel:
    """To this one all codes are as likely."""
    return CodeModel(np.zeros(SHAPE, np.float32), CodeNetworks.untaught(*SHAPE))


def made_up() -> CodeModel:
    """Code 5 is about as likely as all others together, which are alike."""
    networks = CodeNetworks.untaught(*SHAPE)
    networks.logit_bias[:, FAVOURITE] = 10 * OCTAVE
    return CodeModel(np.zeros(SHAPE, np.float32), networks)


def random_networks(seed: int) -> CodeNetworks:
    """Networks whose units are at times at rest, at times at their most, and whose logits are far apart."""
    rng = np.random.default_rng(seed)
    untaught = CodeNetworks.untaught(*SHAPE)
    return CodeNetworks(
        rng.integers(-300, 301, untaught.hidden_weights.shape).astype(np.int16),
        rng.integers(-(1 << 20), 1 << 21, untaught.hidden_bias.shape).astype(np.int32),
        np.clip(rng.normal(0, 16, untaught.logit_weights.shape), -127, MOST_HIDDEN).astype(np.int8),
        rng.integers(-8000, 8001, untaught.logit_bias.shape).astype(np.int32),
    )


def random_codebooks(seed: int) -> np.ndarray:
    """Entries that get smaller from quantizer to quantizer."""
    entries = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
    return entries * np.float32(0.8) ** np.arange(len(entries), dtype=np.float32)[:, None, None]


def skewed() -> CodeModel:
    return CodeModel(random_codebooks(2), random_networks(1))

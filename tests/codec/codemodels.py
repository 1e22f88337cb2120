"""A made-up model of codes: code 5 is as likely as all others together, which are alike."""

from __future__ import annotations

import numpy as np

from codec.config import CodecConfig
from codec.entropy import CONTEXTS, TOTAL, CodeModel

CONFIG = CodecConfig()
FAVOURITE = 5


def made_up() -> CodeModel:
    size = CONFIG.codebook_size
    frequencies = np.full((CONFIG.quantizers, CONTEXTS, size), TOTAL // size // 2, dtype=np.int16)
    frequencies[..., FAVOURITE] += TOTAL // 2
    return CodeModel(frequencies, np.zeros(size, np.uint8))

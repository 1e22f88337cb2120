"""Opus with its own concealment. PyAV can't ask libopus for a missing frame: it is called directly, if it is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec.engine.base import Pcm
from codec.evaluation.errors import EvaluationError
from codec.evaluation.opus import create_encoder, encode
from codec.libopus import SAMPLE_RATE, OpusDecoder, OpusError

FRAME = SAMPLE_RATE // 50


def conceal(pcm: Pcm, bitrate_kbps: float, lost: NDArray[np.bool_]) -> Pcm:
    """pcm [frames * FRAME], lost [frames] -> what a receiver hears [frames * FRAME]. Raises EvaluationError."""
    packets = encode(create_encoder(bitrate_kbps), pcm)
    try:
        decoder = OpusDecoder()
        sounds = [
            decoder.conceal(FRAME) if missing else decoder.decode(bytes(packet))
            for packet, missing in zip(packets, lost, strict=False)
        ]
    except OpusError as error:
        raise EvaluationError(str(error)) from None
    return np.concatenate(sounds).astype(np.float32) / np.float32(32768)

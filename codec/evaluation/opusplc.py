"""Opus with its own concealment. PyAV can't ask libopus for a missing frame: it is called directly, if it is there."""

from __future__ import annotations

import ctypes
from ctypes.util import find_library

import numpy as np
from numpy.typing import NDArray

from codec.audiofile import SAMPLE_RATE
from codec.engine.base import Pcm
from codec.evaluation.errors import EvaluationError
from codec.evaluation.opus import create_encoder, encode

FRAME = SAMPLE_RATE // 50


def conceal(pcm: Pcm, bitrate_kbps: float, lost: NDArray[np.bool_]) -> Pcm:
    """pcm [frames * FRAME], lost [frames] -> what a receiver hears [frames * FRAME]. Raises EvaluationError."""
    packets = encode(create_encoder(bitrate_kbps), pcm)
    name = find_library("opus")
    if name is None:
        raise EvaluationError("libopus is not installed")
    library = ctypes.CDLL(name)
    library.opus_decoder_create.restype = ctypes.c_void_p
    decoder = ctypes.c_void_p(library.opus_decoder_create(SAMPLE_RATE, 1, None))
    out = np.zeros(FRAME, np.float32)
    sound = []
    for packet, missing in zip(packets, lost, strict=False):
        data = None if missing else bytes(packet)
        size = 0 if data is None else len(data)
        target = out.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        samples = library.opus_decode_float(decoder, data, size, target, FRAME, 0)
        if samples != FRAME:
            raise EvaluationError(f"libopus gave {samples} samples for a frame of {FRAME}")
        sound.append(out.copy())
    library.opus_decoder_destroy(decoder)
    return np.concatenate(sound)

"""libopus itself: PyAV's wrapper always decodes at 48 kHz, and never uses the forward error correction in a packet.

The library is the one that PyAV brings along, or the system's. Both ends here are 24 kHz, mono, int16.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int16, c_int32, c_void_p
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

SAMPLE_RATE = 24_000
LONGEST_SAMPLES = 2880  # 120 ms, the most that a packet may hold (RFC 6716, section 3.2.5)
LARGEST_BYTES = 1275  # of one frame (RFC 6716, section 3.2.1)
_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_LOSS_PERCENT, _SET_DTX, _SET_SIGNAL = (
    4002, 4010, 4012, 4014, 4016, 4024,
)  # fmt: skip
_VOICE = 3001


class OpusError(ValueError):
    """A payload that is no Opus, or a library that is not there."""


@cache
def _library() -> ctypes.CDLL:
    """Raises OpusError where there is none."""
    home = Path(av.__file__).parent
    brought = [*home.parent.glob("av.libs/libopus*"), *home.glob(".dylibs/libopus*")]
    name = str(brought[0]) if brought else find_library("opus")
    if name is None:
        raise OpusError("this system has no libopus")
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise OpusError(f"{name} can't be loaded: {error}") from None
    for function in ("opus_decoder_create", "opus_encoder_create"):
        getattr(library, function).restype = c_void_p
    library.opus_strerror.restype = c_char_p
    pcm = POINTER(c_int16)
    library.opus_decode.argtypes = [c_void_p, c_char_p, c_int32, pcm, c_int, c_int]
    library.opus_encode.argtypes = [c_void_p, pcm, c_int, c_char_p, c_int32]
    library.opus_packet_get_nb_samples.argtypes = [c_char_p, c_int32, c_int32]
    for function in ("opus_decoder_destroy", "opus_encoder_destroy"):
        getattr(library, function).argtypes = [c_void_p]
        getattr(library, function).restype = None
    return library


def opus_available() -> bool:
    """Whether this system has the library."""
    try:
        return _library() is not None
    except OpusError:
        return False


def packet_samples(payload: bytes) -> int:
    """How long a packet is, in samples. Raises OpusError."""
    return _checked(_library().opus_packet_get_nb_samples(payload, len(payload), SAMPLE_RATE))


class OpusDecoder:
    """One direction of one connection. Not for two threads at once."""

    def __init__(self) -> None:
        error = c_int()
        self._library = _library()
        self._state = self._library.opus_decoder_create(SAMPLE_RATE, 1, byref(error))
        _checked(error.value)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)

    def decode(self, payload: bytes) -> Samples:
        """pcm [n]. Raises OpusError for what is no Opus."""
        return self._decode(payload, LONGEST_SAMPLES, fec=False)

    def recover(self, following: bytes, samples: int) -> Samples:
        """The `samples` just before a packet that came, from the copy in it, or guessed where it has none."""
        return self._decode(following, samples, fec=True)

    def conceal(self, samples: int) -> Samples:
        """A guess of what was lost: a multiple of 2.5 ms, 60."""
        return self._decode(None, samples, fec=False)

    def _decode(self, payload: bytes | None, room: int, fec: bool) -> Samples:
        pcm = np.empty(room, np.int16)
        target = pcm.ctypes.data_as(POINTER(c_int16))
        size = 0 if payload is None else len(payload)
        return pcm[: _checked(self._library.opus_decode(self._state, payload, size, target, room, fec))]


class OpusEncoder:
    """Voice, with forward error correction, and without pauses in the stream."""

    def __init__(self, bitrate_bps: int = 32_000, complexity: int = 5, loss_percent: int = 10) -> None:
        error = c_int()
        self._library = _library()
        self._state = self._library.opus_encoder_create(SAMPLE_RATE, 1, _VOIP, byref(error))
        _checked(error.value)
        for request, value in (
            (_SET_BITRATE, bitrate_bps),
            (_SET_COMPLEXITY, complexity),
            (_SET_SIGNAL, _VOICE),
            (_SET_INBAND_FEC, 1),
            (_SET_LOSS_PERCENT, loss_percent),
            (_SET_DTX, 0),
        ):
            _checked(self._library.opus_encoder_ctl(c_void_p(self._state), c_int(request), c_int(value)))

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)

    def encode(self, pcm: Samples) -> bytes:
        """pcm [n], n being 2.5, 5, 10, 20, 40 or 60 ms -> one packet."""
        pcm = np.ascontiguousarray(pcm, np.int16)
        packet = ctypes.create_string_buffer(LARGEST_BYTES)
        source = pcm.ctypes.data_as(POINTER(c_int16))
        size = self._library.opus_encode(self._state, source, len(pcm), packet, LARGEST_BYTES)
        return packet.raw[: _checked(size)]


def _checked(result: int) -> int:
    if result < 0:
        raise OpusError(f"libopus: {_library().opus_strerror(result).decode()}")
    return result

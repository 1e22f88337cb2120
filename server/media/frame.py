"""One message of the data channel: a frame of PCM with its sequence number (docs/signalling.md)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codec.engine.base import Pcm

SEQUENCE_MODULUS = 1 << 32
_HEAD = Struct("<II")  # sequence number, sender's clock in ms
_FULL_SCALE = 32768
_STEP = np.float32(1 / _FULL_SCALE)  # a power of two: exact
_SAMPLE = np.dtype("<i2")


class FrameError(ValueError):
    """A message that is no frame."""


class Frame(NamedTuple):
    """`pcm` is [hop] float32 in [-1, 1]; `clock_ms` is informative."""

    sequence: int
    clock_ms: int
    pcm: Pcm


def frame_from_bytes(message: bytes, hop: int) -> Frame:
    """Parses one message. Raises FrameError where its length is wrong."""
    if len(message) != _HEAD.size + 2 * hop:
        raise FrameError(f"a frame has {_HEAD.size + 2 * hop} bytes, not {len(message)}")
    sequence, clock_ms = _HEAD.unpack_from(message)
    pcm = np.frombuffer(message, dtype=_SAMPLE, offset=_HEAD.size) * _STEP
    return Frame(sequence, clock_ms, pcm)


def sequence_of(message: bytes) -> int:
    """The sequence number of a message made by `frame_to_bytes`."""
    return int.from_bytes(message[:4], "little")


def parts_of(message: bytes) -> tuple[int, NDArray[np.int16]]:
    """Sequence number and samples [hop] of a message made by `frame_to_bytes`."""
    return sequence_of(message), np.frombuffer(message, dtype=_SAMPLE, offset=_HEAD.size)


def message_of(sequence: int, clock_ms: int, samples: NDArray[np.int16]) -> bytes:
    """samples [hop] -> one message. Sequence and clock wrap."""
    head = _HEAD.pack(sequence % SEQUENCE_MODULUS, clock_ms % SEQUENCE_MODULUS)
    return head + samples.astype(_SAMPLE, copy=False).tobytes()


def frame_to_bytes(sequence: int, clock_ms: float, pcm: Pcm) -> bytes:
    """pcm [hop] in [-1, 1], louder is clipped -> one message. Sequence and clock wrap."""
    samples = np.maximum(np.minimum(np.rint(pcm * _FULL_SCALE), _FULL_SCALE - 1), -_FULL_SCALE)
    return message_of(sequence, int(clock_ms), samples.astype(np.int16))

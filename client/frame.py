"""One message of the data channel: 320 samples with a sequence number (docs/signalling.md, "The data channel")."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.config import PRESETS

CODEC = PRESETS["base"]  # every preset shares the sample rate and the hop
Samples = NDArray[np.int16]

_HEADER = struct.Struct("<II")
_SAMPLE = np.dtype("<i2")
FULL_SCALE = 32_768
WRAP = 1 << 32  # of the sequence number and of the sender's clock
MESSAGE_BYTES = _HEADER.size + CODEC.hop * _SAMPLE.itemsize


class FrameError(ValueError):
    """A message that is no frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`sequence` counts frames since the start, `clock_ms` is the sender's clock, pcm [hop] int16."""

    sequence: int
    clock_ms: int
    pcm: Samples

    def to_bytes(self) -> bytes:
        return _HEADER.pack(self.sequence % WRAP, self.clock_ms % WRAP) + self.pcm.astype(_SAMPLE).tobytes()

    @classmethod
    def from_bytes(cls, message: bytes) -> Frame:
        """Raises FrameError for a message of another length."""
        if len(message) != MESSAGE_BYTES:
            raise FrameError(f"a frame has {MESSAGE_BYTES} bytes, this message {len(message)}")
        sequence, clock_ms = _HEADER.unpack_from(message)
        return cls(sequence, clock_ms, np.frombuffer(message, _SAMPLE, offset=_HEADER.size).astype(np.int16))


def level_dbfs(pcm: Samples) -> float:
    """RMS of pcm [n] in dB below full scale; minus infinity for digital silence."""
    mean_square = float(np.mean(np.square(pcm.astype(np.float64) / FULL_SCALE))) if pcm.size else 0.0
    return 10 * float(np.log10(mean_square)) if mean_square > 0 else float("-inf")

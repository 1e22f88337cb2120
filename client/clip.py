"""What the caller says: a clip, cut into frames, then silence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from client.frame import CODEC, FULL_SCALE, Samples


class Clip:
    """A sound that is taken frame by frame; the last frame is filled up with zeros, and zeros follow."""

    def __init__(self, pcm: NDArray[np.float32]) -> None:
        """pcm [n] in [-1, 1], 24 kHz; what lies outside is clipped."""
        scaled = np.rint(pcm.astype(np.float64) * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        padded = np.concatenate([scaled, np.zeros(-len(scaled) % CODEC.hop, np.int16)])
        self._frames = padded.reshape(-1, CODEC.hop)
        self._next = 0

    @property
    def frames(self) -> int:
        """Length of the clip."""
        return len(self._frames)

    @property
    def played(self) -> int:
        """Frames of the clip taken so far."""
        return self._next

    @property
    def ended(self) -> bool:
        return self._next >= self.frames

    def next_frame(self) -> Samples:
        """pcm [hop]"""
        if self.ended:
            return silence()
        frame: Samples = self._frames[self._next]
        self._next += 1
        return frame


def silence() -> Samples:
    """pcm [hop] of zeros"""
    return np.zeros(CODEC.hop, np.int16)

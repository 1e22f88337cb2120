"""What the participants of a load test say: pieces of one speech, in an order of each one's own."""

from __future__ import annotations

import random
from bisect import bisect_right
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from client.errors import CallError
from client.frame import CODEC, FULL_SCALE, Samples, level_dbfs

SPEECH = Path(__file__).parent / "speech.ogg"  # 24 s of LJ Speech, which is in the public domain
PIECE_FRAMES = (20, 40)  # 0.27 to 0.53 s: two voices seldom say the same for long
LEAST_PIECES = 20
LEAST_DBFS = -45.0

Piece = NDArray[np.int16]


class VoiceError(CallError):
    """A sound that can't serve as a voice."""


def cut(pcm: NDArray[np.float32]) -> list[Piece]:
    """Speech [n] in [-1, 1] -> pieces [frames, hop], cut where it is quietest. Raises VoiceError."""
    frames = len(pcm) // CODEC.hop
    scaled = np.rint(pcm[: frames * CODEC.hop] * (FULL_SCALE - 1)).astype(np.int16).reshape(frames, CODEC.hop)
    if frames < LEAST_PIECES * PIECE_FRAMES[1]:
        seconds = LEAST_PIECES * PIECE_FRAMES[1] / CODEC.frame_rate
        raise VoiceError(f"a voice needs {seconds:.1f} s of speech, this has {frames / CODEC.frame_rate:.1f} s")
    if level_dbfs(scaled) < LEAST_DBFS:
        raise VoiceError(f"a voice must be loud enough to be told from silence: {LEAST_DBFS:g} dBFS at least")
    levels = np.square(scaled.astype(np.float64)).mean(axis=1)
    pieces, start = [], 0
    while frames - start >= PIECE_FRAMES[1]:
        end = start + PIECE_FRAMES[0] + int(np.argmin(levels[start + PIECE_FRAMES[0] : start + PIECE_FRAMES[1]]))
        pieces.append(scaled[start:end])
        start = end
    return pieces


class Voice:
    """Speaks without end: all pieces in a random order, then all in another one.

    So no two voices say the same for long, and who hears the wrong one is noticed.
    """

    def __init__(self, pieces: list[Piece], seed: int) -> None:
        self._pieces = pieces
        self._random = random.Random(seed)
        self._said: list[Piece] = []
        self._starts: list[int] = []  # frame at which each begins
        self._end = 0

    def frame(self, index: int) -> Samples:
        """Frame `index` since the voice began to speak: pcm [hop]."""
        while index >= self._end:
            self._go_on()
        place = bisect_right(self._starts, index) - 1
        samples: Samples = self._said[place][index - self._starts[place]]
        return samples

    def samples(self, start: int, frames: int) -> Samples:
        """pcm [frames * hop] from frame `start` on; before frame 0 there is silence."""
        quiet = min(frames, max(0, -start))
        spoken = [self.frame(index) for index in range(start + quiet, start + frames)]
        return np.concatenate([np.zeros(quiet * CODEC.hop, np.int16), *spoken])

    def _go_on(self) -> None:
        for piece in self._random.sample(self._pieces, len(self._pieces)):
            self._starts.append(self._end)
            self._said.append(piece)
            self._end += len(piece)

"""What the caller hears: frames by sequence number in, one gapless sound out."""

from __future__ import annotations

import numpy as np

from client.frame import CODEC, WRAP, Frame, Samples

MAX_JUMP_FRAMES = round(60 * CODEC.frame_rate)  # a live call has no longer gap; bounds a recording's memory


class Recorder:
    """Puts each frame where its sequence number says. Frames may come in any order; what never came is silence."""

    def __init__(self) -> None:
        self._frames: dict[int, Samples] = {}  # by position; 0 is the frame that came first
        self._last_position = 0
        self._last_sequence = 0
        self._anew = True
        self.repeated = 0
        self.stray = 0

    @property
    def received(self) -> int:
        """Frames, each counted once."""
        return len(self._frames)

    @property
    def span(self) -> int:
        """Frames from the earliest to the latest, those that never came included."""
        return max(self._frames) - min(self._frames) + 1 if self._frames else 0

    @property
    def lost(self) -> int:
        """Frames missing in between; those after the last one that came can't be known."""
        return self.span - self.received

    def push(self, frame: Frame) -> None:
        """Keeps a frame; counts it as `repeated` if it is here already, as `stray` if it is a minute away."""
        position = max(self._frames, default=-1) + 1
        if not self._anew:
            jump = (frame.sequence - self._last_sequence + WRAP // 2) % WRAP - WRAP // 2
            if abs(jump) > MAX_JUMP_FRAMES:
                self.stray += 1
                return
            position = self._last_position + jump
        if position in self._frames:
            self.repeated += 1
            return
        self._anew = False
        self._frames[position] = frame.pcm
        self._last_position, self._last_sequence = position, frame.sequence

    def begin_anew(self) -> None:
        """The next frame is the first of another stream: it follows what came, whatever its number."""
        self._anew = True

    def samples(self) -> Samples:
        """pcm [span * hop]"""
        pcm = np.zeros((self.span, CODEC.hop), np.int16)
        first = min(self._frames, default=0)
        for position, frame in self._frames.items():
            pcm[position - first] = frame
        return pcm.reshape(-1)

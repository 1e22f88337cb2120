"""What one participant of a load test hears: when each frame came, and pieces of the sound to be judged later."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from client.frame import CODEC, WRAP, Frame, Samples
from client.load.likeness import STEPS, find, levels, varies
from client.load.voice import Voice

PIECE_FRAMES = 150  # 2 s are judged at a time
SPOKEN = 0.8  # of a piece must have been said: else it lies at the beginning or the end of a call
PIECES = 10  # kept of one ear at most, evenly spread over the time that is measured
EARLIEST_SECONDS = 3.0  # how long sound may have been under way
ALIKE = 0.65  # between the least of what is the same and the most of what is not
AUDIBLE_GAP_MS = 53.0  # four frames: more than the playout buffer of a page bridges
FRAME_SECONDS = 1 / CODEC.frame_rate


@dataclass(frozen=True, slots=True)
class Judgement:
    """One piece: how alike it is to what was said, and how late its frames came; none where it is not alike."""

    likeness: float
    mouth_to_ear_ms: NDArray[np.float64]


@dataclass(slots=True)
class Window:
    """The time that is measured, in seconds of the monotonic clock. It may be cut short while it is open."""

    begin: float
    end: float

    def __contains__(self, moment: float) -> bool:
        return self.begin <= moment < self.end


@dataclass(slots=True)
class Mouth:
    """What was said, and when: `sent[k]` is when frame k went out (seconds, monotonic), NaN where it did not."""

    voice: Voice
    sent: array[float] = field(default_factory=lambda: array("d"))


class Ear:
    """Takes frames with the time of their arrival. Times are seconds of the clock by which the mouth's are."""

    def __init__(self, mouth: Mouth, window: Window) -> None:
        """`mouth` is the other's."""
        self._mouth = mouth
        self._window = window
        self._every = max(PIECE_FRAMES / CODEC.frame_rate, (window.end - window.begin) / PIECES)
        self._sequences = array("q")
        self._arrivals = array("d")
        self._kept: dict[int, Samples] = {}  # by position in the arrays
        self._last: int | None = None

    def push(self, frame: Frame, now: float) -> None:
        if now not in self._window:
            return
        if self._last is None:
            self._last = frame.sequence
        self._last += (frame.sequence - self._last + WRAP // 2) % WRAP - WRAP // 2
        if (now - self._window.begin) % self._every < PIECE_FRAMES / CODEC.frame_rate:
            self._kept[len(self._sequences)] = frame.pcm
        self._sequences.append(self._last)
        self._arrivals.append(now)

    @property
    def received(self) -> int:
        """Frames, each counted once."""
        return len(set(self._sequences))

    @property
    def missing(self) -> int:
        """Gaps in the sequence: frames that the server did not make in time, or that the network lost."""
        return max(self._sequences) - min(self._sequences) + 1 - self.received if self._sequences else 0

    def gaps_ms(self) -> NDArray[np.float64]:
        """Times between arrivals of more than AUDIBLE_GAP_MS; the last one may end with the measurement."""
        gaps = 1000 * np.diff([*self._arrivals, self._window.end])
        return gaps[gaps > AUDIBLE_GAP_MS]

    def judge(self) -> list[Judgement]:
        """A judgement for each piece of 2 s in which the other spoke all the time. Takes about 10 ms for each."""
        pieces: dict[int, list[int]] = {}
        for index in self._kept:
            pieces.setdefault(int((self._arrivals[index] - self._window.begin) // self._every), []).append(index)
        length = PIECE_FRAMES * FRAME_SECONDS
        count = int((self._window.end - self._window.begin - length) // self._every) + 1
        judgements = [self._judge_piece(piece, pieces.get(piece, [])) for piece in range(max(0, count))]
        return [judgement for judgement in judgements if judgement is not None]

    def _judge_piece(self, piece: int, indices: list[int]) -> Judgement | None:
        """None where the other did not speak. Where half of the frames never came there is nothing to align."""
        sent = np.asarray(self._mouth.sent)
        begin = self._window.begin + piece * self._every
        spoken = np.count_nonzero((sent >= begin) & (sent < begin + PIECE_FRAMES * FRAME_SECONDS))
        if spoken < SPOKEN * PIECE_FRAMES:
            return None
        first = min((self._sequences[index] for index in indices), default=0)
        span = max((self._sequences[index] for index in indices), default=0) - first + 1
        if len(indices) < PIECE_FRAMES / 2 or span > 2 * PIECE_FRAMES:
            return Judgement(0.0, np.zeros(0))
        heard = np.zeros((span, CODEC.hop), np.int16)
        for index in indices:
            heard[self._sequences[index] - first] = self._kept[index]
        arrivals = np.array([self._arrivals[index] for index in indices])
        newest = int(np.searchsorted(_filled(sent), arrivals.max()))
        oldest = newest - span - round(EARLIEST_SECONDS * CODEC.frame_rate)
        said = levels(self._mouth.voice.samples(oldest, newest - oldest))
        if not varies(said[-span * STEPS :]):
            return None
        place = find(levels(heard.reshape(-1)), said)
        if place.likeness < ALIKE:
            return Judgement(place.likeness, np.zeros(0))
        positions = np.array([self._sequences[index] - first for index in indices])
        at = _spoken(sent, positions * CODEC.hop + place.offset + oldest * CODEC.hop)
        late_ms = 1000 * (arrivals - at)
        return Judgement(place.likeness, late_ms[np.isfinite(late_ms)])


def _spoken(sent: NDArray[np.float64], samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """When each sample was spoken: a frame goes out when its last sample has been."""
    frames = np.floor(samples / CODEC.hop).astype(int)
    inside = (frames >= 0) & (frames < len(sent))
    times = np.where(inside, sent[np.clip(frames, 0, len(sent) - 1)], np.nan)
    spoken: NDArray[np.float64] = times - (1 - (samples / CODEC.hop - frames)) * FRAME_SECONDS
    return spoken


def _filled(sent: NDArray[np.float64]) -> NDArray[np.float64]:
    """The times with those of frames that were not sent put in between, so that they only grow."""
    known = np.isfinite(sent)
    return np.interp(np.arange(len(sent)), np.flatnonzero(known), sent[known]) if known.any() else sent

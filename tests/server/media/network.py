"""A line that loses, delays and reorders packets, and a pacer that plays: on paper, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import fmean

from codec.config import CodecConfig
from codec.packet import FRAME_INDEX_MODULUS, SEQUENCE_MODULUS, Packet
from server.media.jitter import JitterBuffer

FRAME_MS = CodecConfig().frame_ms
TICK_PHASE_MS = 5.0  # the pacer knows nothing of when packets come

Delay = Callable[[float], float | None]  # of a packet sent at this second: ms on the way, None if it is lost
Quiet = Callable[[float], bool]


def seconds(count: float) -> int:
    """Frames in so many seconds."""
    return round(count * 1000 / FRAME_MS)


def steady(delay_ms: float = 60.0, jitter_ms: float = 10.0, loss: float = 0.0, seed: int = 1) -> Delay:
    """Uniform jitter, random loss."""
    chance = random.Random(seed)

    def delay(_: float) -> float | None:
        late_ms = delay_ms + jitter_ms * chance.random()
        return None if chance.random() < loss else late_ms

    return delay


def bursty(share: float, length: float = 4.0, seed: int = 1) -> Callable[[], bool]:
    """Gilbert's model: whether the next packet is lost; `share` are, in bursts of `length` on average."""
    chance = random.Random(seed)
    bad = False

    def lost() -> bool:
        nonlocal bad
        bad = chance.random() < (1 - 1 / length if bad else share / (1 - share) / length)
        return bad

    return lost


def pauses(now: float) -> bool:
    """Speech that is loud for a second, and quiet for 0.4 s."""
    return now % 1.4 > 1.0


def never(_: float) -> bool:
    return False


@dataclass
class Heard:
    """`delays_ms` by second: mouth to decoder, of each frame that was played in it."""

    buffer: JitterBuffer
    delays_ms: dict[int, list[float]] = field(default_factory=dict)
    sequence: list[int | None] = field(default_factory=list)  # what was played at each tick

    def mean_ms(self, start: int, end: int) -> float:
        """Mean delay over these seconds."""
        return fmean(delay for second in range(start, end) for delay in self.delays_ms[second])


def packets(count: int, first: int = 0) -> Iterable[Packet]:
    """One frame each, numbered from `first`."""
    for index in range(first, first + count):
        yield Packet(index % SEQUENCE_MODULUS, index % FRAME_INDEX_MODULUS, 1, ((index % 1024,),), 0)


def call(sent: Iterable[Packet], delay: Delay, quiet: Quiet = pauses, pace: float = 1.0) -> Heard:
    """Plays packets that are sent a frame apart (by a clock that is `pace` times as slow as ours)."""
    arrivals = []
    first = None
    for position, packet in enumerate(sent):
        first = packet.frame_index if first is None else first
        spoken_ms = position * FRAME_MS * pace
        late_ms = delay(spoken_ms / 1000)
        if late_ms is not None:
            arrivals.append((spoken_ms + late_ms, position, packet))
    heard = Heard(JitterBuffer(FRAME_MS))
    arrivals.sort(reverse=True)
    for tick in range(position + 1):
        now_ms = tick * FRAME_MS + TICK_PHASE_MS
        while arrivals and arrivals[-1][0] <= now_ms:
            arrived_ms, _, packet = arrivals.pop()
            heard.buffer.push(packet, arrived_ms)
        played = heard.buffer.pop(now_ms, quiet(now_ms / 1000))
        heard.sequence.append(None if played is None else played.frame_index)
        if played is not None and first is not None:
            spoken_ms = (played.frame_index - first) % FRAME_INDEX_MODULUS * FRAME_MS * pace
            heard.delays_ms.setdefault(int(now_ms / 1000), []).append(now_ms - spoken_ms)
    return heard

"""The jitter buffer between the line and the decoder; sans-I/O, time comes in as arguments."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from codec.packet import FRAME_INDEX_MODULUS, Packet
from server.media.arrivals import Arrivals
from server.media.loss import Reception
from server.media.sequence import distance


@dataclass(frozen=True, slots=True)
class JitterPolicy:
    """All in frames, but for the quantile."""

    window: int = 150  # arrivals by which jitter is judged: a burst is forgotten after two seconds
    quantile: float = 0.99  # of the frames that shall come in time
    first_window: int = 75  # until so many came, the target is not below `first_target`
    first_target: float = 1.5
    cap: int = 12  # never more than this in the buffer
    slack: float = 0.2  # how much more than a whole frame too late is too late
    patience: int = 8  # pops for which it must be off, where the sound is quiet; a late tick is no reason yet
    loud_patience: int = 150  # the same where it is loud and a frame too much; by the square quicker for more
    jump: int = 1000  # a greater jump of the frame index is a sender that started anew
    memory: int = 64  # for so long a lost frame is remembered, to see how late its copy came


@dataclass(slots=True)
class _Run:
    """For how many pops in a row a value has not been below zero, and how small it was at least."""

    pops: int = 0
    least: float = 0.0

    def watch(self, value: float) -> None:
        self.least = min(self.least, value) if self.pops else value
        self.pops = self.pops + 1 if value >= 0 else 0


class _Slot(NamedTuple):
    packet: Packet  # of one frame
    arrived_ms: float
    copy: bool


class JitterBuffer:
    """Puts frames in order and decides, each time one is due, which one is played.

    The playout delay follows the jitter that is measured (NetEQ's principle): the *target* is by how much frames come
    later than the luckiest, but for a few; the *lead* is by how much the frame that is due next is played later than
    the target asks. A lead of more than a frame is too much delay: a frame is dropped, one that is missing anyway or
    one in a quiet place if possible. A lead below zero is too little: a frame is put in, likewise.

    When the buffer runs dry, a frame is concealed without moving on, for the packet may only be late. If it proves
    lost, that concealed frame was its own. So sound that is late is played, not lost, and the delay returns later.
    """

    def __init__(self, frame_ms: float, policy: JitterPolicy | None = None) -> None:
        self.received = 0  # frames, as all that follow
        self.late = 0  # came after their time, or twice
        self.lost = 0  # never came
        self.dropped = 0  # came, and were given up so that the delay returns
        self.inserted = 0  # concealed so that the delay grows
        self.recovered = 0  # played from a copy in a later packet
        self.waited_ms = 0.0  # how long those that were played have waited, all together
        self.played = 0
        self.started = False  # the first frame was played: from now on sound is due every frame
        self.reception = Reception()
        self._frame_ms = frame_ms
        self._policy = policy = policy or JitterPolicy()
        self._arrivals = Arrivals(policy.window, policy.quantile, (policy.cap - 2) * frame_ms)
        self._slots: dict[int, _Slot] = {}  # by frame index, which does not wrap here
        self._next: int | None = None
        self._newest = -1
        self._filling = True
        self._dry = 0  # frames concealed since the buffer ran dry, for those of which nothing is known yet
        self._given_up: set[int] = set()
        self._over = _Run()
        self._under = _Run()

    @property
    def depth(self) -> int:
        """Frames from the one that is due next to the newest one, the missing ones between them included."""
        return max(0, self._newest + 1 - self._expected) if self._slots else 0

    @property
    def target_ms(self) -> float:
        """By how much a frame may come later than the luckiest and still be played in time."""
        first = self._policy.first_target * self._frame_ms if len(self._arrivals) < self._policy.first_window else 0.0
        return max(self._arrivals.spread_ms, first)

    def push(self, packet: Packet, arrived_ms: float) -> None:
        first = self._unwrap(packet.frame_index)
        self.reception.count(packet.sequence)
        self._arrivals.add(arrived_ms - first * self._frame_ms)
        for older in packet.copied() if packet.copies else ():
            back = distance(older.frame_index, packet.frame_index, FRAME_INDEX_MODULUS)
            for index, frame in enumerate(older.frame_by_frame(), first + back):
                self._take_copy(index, frame, arrived_ms)
        for index, frame in enumerate(packet.frame_by_frame(), first):
            self._take(index, _Slot(frame, arrived_ms, copy=False))
        if self.depth > self._policy.cap:
            self._drop_to(max(1, ceil(self.target_ms / self._frame_ms)))

    def pop(self, due_ms: float, quiet: bool = True) -> Packet | None:
        """The frame that is due; None means: conceal, or before `started`, nothing.

        `quiet` says that a frame more or less would not be heard here.
        """
        if self._filling and not self._filled(due_ms):
            self._dry += self.started
            return None
        self.started = True
        if self._steer(due_ms, quiet):
            return None
        slot = self._slots.pop(self._expected, None)
        if slot is None:
            slot = self._pass_gap()
        if slot is None:
            return None
        self._dry = 0
        self._next = self._expected + 1
        self.played += 1
        self.recovered += slot.copy
        self.waited_ms += due_ms - slot.arrived_ms
        return slot.packet

    def _take(self, index: int, slot: _Slot) -> None:
        if index < self._expected and not self.started:
            self._next = index
        held = self._slots.get(index)
        if index < self._expected or (held is not None and not held.copy):
            self.late += 1
            return
        self.received += 1
        self._slots[index] = slot
        self._newest = max(self._newest, index)

    def _take_copy(self, index: int, frame: Packet, arrived_ms: float) -> None:
        """A frame that came in this way only was as late as its copy."""
        if index in self._given_up:
            self._given_up.discard(index)
        elif index < self._expected or index in self._slots:
            return
        else:
            self._take(index, _Slot(frame, arrived_ms, copy=True))
        self._arrivals.add(arrived_ms - index * self._frame_ms)

    def _filled(self, due_ms: float) -> bool:
        """Whether the delay is reached with which the sound is to begin, or to begin again."""
        self._filling = not self._slots or self._lead_ms(min(self._slots), due_ms) < 0
        return not self._filling

    def _pass_gap(self) -> _Slot | None:
        """What is played where the next frame is not there."""
        if not self._slots:
            self._dry += 1
            if self._dry == self._policy.cap:
                self._filling = True
                self._arrivals.clear()
            return None
        first = min(self._slots)
        gap = first - self._expected
        if gap > self._dry:
            self._give_up(self._dry + 1)
            self._dry = 0
            return None
        self._give_up(gap)
        return self._slots.pop(first)

    def _steer(self, due_ms: float, quiet: bool) -> bool:
        """Drops a frame where the delay has been too long; says whether one is put in, where it has been too short."""
        if self._dry or not self._slots:
            self._over.pops = self._under.pops = 0
            return False
        policy, lead = self._policy, self._lead_ms(self._expected, due_ms) / self._frame_ms
        self._over.watch(lead - 1 - policy.slack)
        self._under.watch(-lead)
        missing = self._expected not in self._slots
        easy = quiet or missing
        if self._over.pops >= (policy.patience if easy else self._loud_patience()):
            self._over.pops = 0
            self._drop_to(self.depth - 1)
        elif self._under.pops >= policy.patience and easy:
            self._under.pops = 0
            self.inserted += 1
            self._dry += missing
            return True
        return False

    def _loud_patience(self) -> int:
        excess = 1 + int(max(0.0, self._over.least))  # in frames
        return max(self._policy.patience, self._policy.loud_patience // excess**2)

    def _lead_ms(self, index: int, due_ms: float) -> float:
        return due_ms - index * self._frame_ms - self._arrivals.earliest_ms - self.target_ms

    def _drop_to(self, depth: int) -> None:
        for _ in range(self.depth - depth):
            if self._slots.pop(self._expected, None):
                self.dropped += 1
                self._next = self._expected + 1
            else:
                self._give_up(1)
        self._dry = 0

    def _give_up(self, frames: int) -> None:
        self.lost += frames
        first = self._expected
        self._next = first + frames
        if len(self._given_up) > self._policy.memory:
            self._given_up = {index for index in self._given_up if index >= first - self._policy.memory}
        self._given_up.update(range(max(first, self._next - self._policy.memory), self._next))

    def _unwrap(self, frame_index: int) -> int:
        if self._next is not None:
            lead = distance(frame_index, self._next % FRAME_INDEX_MODULUS, FRAME_INDEX_MODULUS)
            if abs(lead) <= self._policy.jump:
                return self._next + lead
        self._restart(frame_index)
        return frame_index

    def _restart(self, index: int) -> None:
        self.dropped += len(self._slots)
        self._slots.clear()
        self._given_up.clear()
        self._arrivals.clear()
        self._next, self._newest = index, index - 1
        self._filling = True
        self._dry = 0

    @property
    def _expected(self) -> int:
        assert self._next is not None
        return self._next

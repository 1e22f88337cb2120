"""The jitter buffer between the line and the decoder; sans-I/O, time comes in as arguments."""

from __future__ import annotations

from dataclasses import dataclass

from codec.packet import SEQUENCE_MODULUS, Packet
from server.media.sequence import distance


@dataclass(frozen=True, slots=True)
class JitterPolicy:
    """All in packets of one frame each."""

    target: int = 2  # packets that wait before the first is played
    excess: int = 3  # more than target + excess throughout a window: back to the target at once
    cap: int = 12  # never more than this: back to the target at once
    window: int = 75  # pops over which the buffer's lowest level is watched; then one packet too many is dropped
    refill_after: int = 5  # pops in a row without a packet, after which the buffer fills to the target again
    jump: int = 1000  # a greater jump of the sequence number is a sender that started anew


class JitterBuffer:
    """Puts packets in order and decides, once a frame, which one is played.

    When it runs dry, a frame is concealed without moving on, for the packet may only be late: the delay grows by one
    frame. If it proves lost, that concealed frame was its own. When the lowest level over a window stays above the
    target, a packet is dropped: so the delay comes back, and clocks that differ between sender and node do no harm.
    """

    def __init__(self, policy: JitterPolicy | None = None) -> None:
        self.received = 0
        self.late = 0  # came after their time, or twice
        self.lost = 0  # never came
        self.dropped = 0  # came, and were given up so that the delay returns
        self.waited_ms = 0.0  # how long those that were played have waited, all together
        self.played = 0
        self.started = False  # the first packet was played: from now on sound is due every frame
        self._policy = policy or JitterPolicy()
        self._packets: dict[int, tuple[Packet, float]] = {}
        self._next: int | None = None
        self._filling = True
        self._dry = 0  # frames concealed since the buffer ran dry, for packets of which nothing is known yet
        self._lowest = self._policy.cap
        self._pops = 0

    @property
    def depth(self) -> int:
        """Frames from the one that is due next to the newest one, the missing ones between them included."""
        return max(map(self._lead, self._packets), default=-1) + 1

    def push(self, packet: Packet, arrived_ms: float) -> None:
        sequence = packet.sequence
        if self._next is None or abs(self._lead(sequence)) > self._policy.jump:
            self._restart(sequence)
        if self._lead(sequence) < 0 and not self.started:
            self._next = sequence
        if self._lead(sequence) < 0 or sequence in self._packets:
            self.late += 1
            return
        self.received += 1
        self._packets[sequence] = (packet, arrived_ms)
        if self.depth > self._policy.cap:
            self._drop_to(self._policy.target)

    def pop(self, due_ms: float) -> Packet | None:
        """The packet that is due; None means: conceal, or before `started`, nothing."""
        if self._next is None or not self._filled():
            self._dry += self.started
            return None
        self.started = True
        self._watch_level()
        if not self._packets:
            self._dry += 1
            self._filling = self._dry >= self._policy.refill_after
            return None
        gap = min(map(self._lead, self._packets))
        if gap > self._dry:
            self.lost += self._dry + 1
            self._move(self._dry + 1)
            self._dry = 0
            return None
        self.lost += gap
        self._dry = 0
        self._move(gap)
        packet, arrived_ms = self._packets.pop(self._next)
        self._move(1)
        self.played += 1
        self.waited_ms += due_ms - arrived_ms
        return packet

    def _filled(self) -> bool:
        if self._filling and self.depth >= self._policy.target:
            self._filling = False
            self._watch_anew()
        return not self._filling

    def _watch_level(self) -> None:
        """Drops what is too much when a window is over."""
        self._lowest = min(self._lowest, self.depth)
        self._pops += 1
        if self._pops < self._policy.window:
            return
        excess = self._lowest - self._policy.target
        if excess > 0:
            self._drop_to(self.depth - (excess if excess > self._policy.excess else 1))
        self._watch_anew()

    def _watch_anew(self) -> None:
        self._pops = 0
        self._lowest = self._policy.cap

    def _drop_to(self, depth: int) -> None:
        for _ in range(self.depth - depth):
            if self._packets.pop(self._expected, None):
                self.dropped += 1
            else:
                self.lost += 1
            self._move(1)
        self._dry = 0

    def _restart(self, sequence: int) -> None:
        self.dropped += len(self._packets)
        self._packets.clear()
        self._next = sequence
        self._filling = True
        self._dry = 0

    @property
    def _expected(self) -> int:
        assert self._next is not None
        return self._next

    def _move(self, packets: int) -> None:
        self._next = (self._expected + packets) % SEQUENCE_MODULUS

    def _lead(self, sequence: int) -> int:
        return distance(sequence, self._expected, SEQUENCE_MODULUS)

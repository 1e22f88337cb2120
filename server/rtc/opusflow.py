"""Between Opus packets, which may be lost, and frames of 320 samples; sans-I/O, each object for one thread."""

from __future__ import annotations

import numpy as np

from codec.libopus import SAMPLE_RATE, OpusDecoder, OpusEncoder, Samples, packet_samples
from server.media.frame import message_of, parts_of
from server.media.sequence import distance

HOP = 320
TICKS_A_SAMPLE = 2  # RTP's clock for Opus runs at 48 kHz
WRAP = 1 << 32
LONGEST_GAP = SAMPLE_RATE * 60 // 1000  # a longer one is left to the codec's own concealment
LONGEST_JUMP_FRAMES = 60 * SAMPLE_RATE // HOP  # a longer one is a sender that started anew
GRAIN = SAMPLE_RATE * 5 // 2000  # libopus guesses in multiples of 2.5 ms
PACKET_SAMPLES = SAMPLE_RATE * 20 // 1000
_NONE = np.empty(0, np.int16)


class FrameMaker:
    """Packets in order, some missing, to messages. Their numbers go on as the packets' time does."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()
        self._due: int | None = None  # the timestamp that would follow without a gap
        self._start = 0  # samples since the first packet, at the beginning of `_rest`
        self._rest: Samples = _NONE

    def take(self, timestamp: int, payload: bytes) -> list[bytes]:
        """One packet. Raises OpusError for what is no Opus; the time that it stood for is a gap then."""
        duration = packet_samples(payload)
        if self._due is None:
            self._due = timestamp
        gap = distance(timestamp, self._due, WRAP) // TICKS_A_SAMPLE
        if 0 < gap <= LONGEST_GAP and gap % GRAIN == 0:
            self._append(self._fill(gap, payload, duration))
        elif gap != 0:
            self._jump(gap)
        self._due = timestamp
        self._append(self._decoder.decode(payload))
        self._due = (timestamp + TICKS_A_SAMPLE * duration) % WRAP
        return self._frames()

    def _fill(self, gap: int, payload: bytes, duration: int) -> Samples:
        """The last lost packet is in this one as a copy; what was lost before it is guessed."""
        recovered = min(gap, duration)
        guessed = self._decoder.conceal(gap - recovered) if gap > recovered else _NONE
        return np.concatenate([guessed, self._decoder.recover(payload, recovered)])

    def _jump(self, gap: int) -> None:
        """Too much is missing, or a sender started anew: what is left of a frame is dropped, whole frames are lost."""
        frames = -(-(len(self._rest) + gap) // HOP)
        self._start += HOP * (frames if 0 < frames < LONGEST_JUMP_FRAMES else 1)
        self._rest = _NONE

    def _append(self, samples: Samples) -> None:
        self._rest = np.concatenate([self._rest, samples])

    def _frames(self) -> list[bytes]:
        messages = []
        while len(self._rest) >= HOP:
            clock_ms = 1000 * self._start // SAMPLE_RATE
            messages.append(message_of(self._start // HOP, clock_ms, self._rest[:HOP]))
            self._rest = self._rest[HOP:]
            self._start += HOP
        return messages


class PacketMaker:
    """Messages to packets of 20 ms, each with its timestamp. A skipped frame is a gap in time."""

    def __init__(self) -> None:
        self._encoder = OpusEncoder()
        self._rest: Samples = _NONE
        self._next = 0  # the number of the frame that is expected

    def take(self, message: bytes) -> list[tuple[int, bytes]]:
        """One frame to what is full now: (timestamp, payload)."""
        sequence, samples = parts_of(message)
        if sequence != self._next:
            self._rest = _NONE
        end = HOP * (sequence + 1)
        self._next = sequence + 1
        self._rest = np.concatenate([self._rest, samples])
        packets = []
        while len(self._rest) >= PACKET_SAMPLES:
            timestamp = TICKS_A_SAMPLE * (end - len(self._rest))
            packets.append((timestamp % WRAP, self._encoder.encode(self._rest[:PACKET_SAMPLES])))
            self._rest = self._rest[PACKET_SAMPLES:]
        return packets

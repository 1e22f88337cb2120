"""From the browser's data channel to the line: one voice's way through its encoder."""

from __future__ import annotations

import time
from collections.abc import Callable

from codec.engine.base import Engine, Pcm
from codec.packet import Packet
from codec.stream import StreamEncoder
from server.media.frame import SEQUENCE_MODULUS, FrameError, frame_from_bytes
from server.media.jobs import EncodeJob
from server.media.redundancy import RedundancyControl
from server.media.sequence import Reorderer
from server.media.workers import CodecWorker

LATE_FRAMES = 8  # work that waits longer than this is dropped: delay must not grow
BURST_FRAMES = 32  # how far a browser may run ahead of real time, after a stall of the network


class Uplink:
    """Counts, orders and encodes the frames of one voice, and puts its packets on the line.

    `line` takes each packet, `failed` what went wrong in the codec; both are called on the event loop.
    """

    def __init__(
        self,
        engine: Engine,
        worker: CodecWorker,
        n_q: int,
        denoise: bool,
        line: Callable[[Packet], None],
        failed: Callable[[Exception], None],
        clock: Callable[[], float] = time.monotonic,
        variable: bool = False,
    ) -> None:
        self.worker = worker
        self.encoder = StreamEncoder(engine, n_q, denoise, variable=variable)
        self.dropped = 0
        self.malformed = 0
        self.payload_bits = 0
        self.wire_bytes = 0
        self.last_frame_seconds: float | None = None  # when the newest frame came, by `clock`
        self._redundancy = RedundancyControl()
        self._order: Reorderer[Pcm] = Reorderer(SEQUENCE_MODULUS)
        self._config = engine.config
        self._line = line
        self._failed = failed
        self._clock = clock
        self._allowance = float(BURST_FRAMES)
        self._skipped = 0  # frames to skip before the next one is encoded

    @property
    def frames(self) -> int:
        """Frames that came, those dropped later included."""
        return self._order.received

    @property
    def lost(self) -> int:
        return self._order.lost

    @property
    def late(self) -> int:
        return self._order.late

    def restart(self) -> None:
        """A new data channel begins: its sequence numbers have nothing to do with the old ones'."""
        self._order.restart()
        self.last_frame_seconds = None

    def receive(self, message: bytes) -> None:
        """Takes one message of the data channel; one that is no frame is counted and ignored."""
        now = self._clock()
        try:
            frame = frame_from_bytes(message, self._config.hop)
        except FrameError:
            self.malformed += 1
            return
        self._grant(now)
        self.last_frame_seconds = now
        for lost, pcm in self._order.push(frame.sequence, frame.pcm):
            self._skipped += lost
            if self._allowance < 1:
                self.dropped += 1
                self._skipped += 1
                continue
            self._allowance -= 1
            self._encode(pcm, now + LATE_FRAMES * self._config.frame_ms / 1000)

    def hear_loss(self, expected: int, lost: int) -> None:
        """What the other end of the line reports: how many of the newest packets were due, and how many lost."""
        self.encoder.redundancy = self._redundancy.report(expected, lost)

    async def set_n_q(self, n_q: int) -> int | None:
        """Changes the bitrate. The first frame that has it, or None while nothing runs yet."""

        def change() -> int | None:
            self.encoder.n_q = n_q
            return self._frame_index()

        return await self.worker.call(change)

    async def set_denoise(self, on: bool) -> int | None:
        """Switches denoising. The frame at which the ramp begins, or None while nothing runs yet."""

        def change() -> int | None:
            begin = self.encoder.set_denoise(on)
            return None if self._frame_index() is None else begin

        return await self.worker.call(change)

    def _frame_index(self) -> int | None:
        return self.encoder.frame_index if self.encoder.frames else None

    def _grant(self, now: float) -> None:
        """A browser can't make more sound than time passes: the allowance grows with time and ends at a burst."""
        if self.last_frame_seconds is not None:
            passed_frames = (now - self.last_frame_seconds) * self._config.frame_rate
            # 1 % more than real time: clocks differ
            self._allowance = min(BURST_FRAMES, self._allowance + 1.01 * passed_frames)

    def _encode(self, pcm: Pcm, deadline: float) -> None:
        skipped, self._skipped = self._skipped, 0
        self.worker.submit(EncodeJob(self.encoder, pcm, skipped, deadline, self._send, self._failed))

    def _send(self, packets: list[Packet] | None) -> None:
        if packets is None:
            self.dropped += 1
            return
        for packet in packets:
            self.payload_bits += packet.payload_bits
            self.wire_bytes += packet.wire_bytes
            self._line(packet)

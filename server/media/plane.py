"""The media of one node: its engine, its codec threads and its pace, shared by all sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from codec.config import BitrateError
from codec.engine.base import Engine
from codec.packet import Packet
from server.cpus import usable_cores
from server.media.capacity import Capacity, frame_cost_seconds
from server.media.clock import Pacer
from server.media.downlink import Downlink
from server.media.histogram import Histogram, merge
from server.media.turns import Turns
from server.media.uplink import Uplink
from server.media.workers import CodecWorkers
from server.protocol import Codec

__all__ = ["BitrateError", "MediaPlane"]


class MediaPlane:
    """Makes uplinks and downlinks; runs from `start` to `stop`."""

    def __init__(self, engine: Engine, workers: CodecWorkers, pacer: Pacer, constant_bitrate: bool = False) -> None:
        self._engine = engine
        self._constant_bitrate = constant_bitrate
        self._workers = workers
        self._pacer = pacer
        self._pacing = asyncio.create_task(pacer.run(), name="pacer")
        self.config = engine.config

    @classmethod
    def start(
        cls, engine: Engine, workers: int, batch: int = 1, pinned: bool = False, constant_bitrate: bool = False
    ) -> MediaPlane:
        """On the running event loop, with `workers` codec threads; `batch` and `pinned` as in CodecWorkers."""
        pacer = Pacer(engine.config.frame_ms)
        pacer.add(Turns())
        return cls(engine, CodecWorkers(engine, workers, batch, pinned), pacer, constant_bitrate)

    async def stop(self) -> None:
        self._pacing.cancel()
        await asyncio.gather(self._pacing, return_exceptions=True)
        self._workers.close()

    async def measure(self, seconds: float) -> Capacity:
        """What this node can bear. All codec threads are busy at once with it, as they are when the node is full."""
        costs = await asyncio.gather(
            *(worker.call(lambda: frame_cost_seconds(self._engine, seconds)) for worker in self._workers.workers)
        )
        codec_share = max(costs) * self.config.frame_rate
        return Capacity(usable_cores(), len(self._workers.workers), codec_share)

    @property
    def late(self) -> int:
        """Frames of all streams that were dropped, because no codec thread had time for them."""
        return self._workers.late

    @property
    def step_seconds(self) -> dict[str, Histogram]:
        """What network steps cost the codec threads, since the start: `encode` and `decode`, search included."""
        workers = self._workers.workers
        return {
            "encode": merge(worker.encode_seconds for worker in workers),
            "decode": merge(worker.decode_seconds for worker in workers),
        }

    @property
    def lag_seconds(self) -> Histogram:
        """How late the event loop came to what was due, once a frame."""
        return self._pacer.lag_seconds

    @property
    def codec(self) -> Codec:
        """What a client may know of the codec."""
        config, engine = self.config, self._engine
        return Codec(engine.model_id, config.preset, engine.name, config.sample_rate, config.hop)

    @property
    def alive(self) -> bool:
        """Whether its threads and its pacer run."""
        return self._workers.alive and not self._pacing.done()

    def n_q(self, bitrate_kbps: float) -> int:
        """Quantizers for a bitrate. Raises BitrateError, which names the valid ones."""
        return self.config.n_q(bitrate_kbps)

    def open_uplink(
        self, n_q: int, denoise: bool, line: Callable[[Packet], None], failed: Callable[[Exception], None]
    ) -> Uplink:
        """A voice, bound to the codec thread that has the fewest; to be closed with `close_uplink`."""
        return Uplink(
            self._engine, self._workers.bind(), n_q, denoise, line, failed, variable=not self._constant_bitrate
        )

    def close_uplink(self, uplink: Uplink) -> None:
        self._workers.release(uplink.worker)

    def open_downlink(
        self, voice: Uplink, send: Callable[[bytes], bool], failed: Callable[[Exception], None], sequence: int
    ) -> Downlink:
        """An ear for `voice`, on the same thread, paced from now on; to be closed with `close_downlink`.

        Its frames are numbered from `sequence` on.
        """
        downlink = Downlink(self._engine, voice.worker, send, failed, voice.hear_loss, sequence)
        self._pacer.add(downlink)
        return downlink

    def close_downlink(self, downlink: Downlink) -> None:
        self._pacer.discard(downlink)

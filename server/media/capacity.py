"""How many participants a node can bear, from what a frame costs on this machine."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np

from codec.engine.base import DecodeStep, EncodeStep, Engine

LOAD = 0.8  # of its cores that a node fills; the rest is for what comes unevenly
MEDIA_SHARE = 0.015  # of a core, for a participant's WebRTC and everything else but the codec (docs/performance.md)
WARM_UP_FRAMES = 5


@dataclass(frozen=True, slots=True)
class Capacity:
    """`codec_share` and `media_share` are shares of a core that one participant takes: a voice and an ear."""

    cores: float
    workers: int
    codec_share: float
    media_share: float = MEDIA_SHARE

    @property
    def seats(self) -> int:
        """At least two: a slow node still carries one call, there is nobody else whom it could harm."""
        in_all = LOAD * self.cores / (self.codec_share + self.media_share)
        by_codec_threads = LOAD * self.workers / self.codec_share
        by_event_loop = LOAD / self.media_share  # one thread, whatever the cores
        return max(2, int(min(in_all, by_codec_threads, by_event_loop)))


def frame_cost_seconds(engine: Engine, seconds: float) -> float:
    """CPU seconds of this thread for one frame through encoder, deepest search and decoder: the median of `seconds`."""
    random = np.random.default_rng(0)
    pcm = (0.1 * random.standard_normal((50, engine.config.hop))).astype(np.float32)
    encoder, decoder = engine.encoder_state(), engine.decoder_state()
    costs, until = list[float](), time.monotonic() + seconds
    while time.monotonic() < until or len(costs) <= WARM_UP_FRAMES:
        started = time.thread_time()
        step = EncodeStep(pcm[len(costs) % len(pcm)], engine.config.quantizers, 1.0, encoder)
        [(codes, encoder)] = engine.encode_many([step])
        [(_, decoder)] = engine.decode_many([DecodeStep(codes, decoder)])
        costs.append(time.thread_time() - started)
    return statistics.median(costs[WARM_UP_FRAMES:])

"""From the cost of a frame to a number of seats."""

from __future__ import annotations

import time

import pytest

from server.media.capacity import Capacity, frame_cost_seconds
from server.media.plane import MediaPlane
from tests.server.doubles import TinyEngine


@pytest.mark.parametrize(
    ("capacity", "seats"),
    [
        (Capacity(cores=2, workers=2, codec_share=0.03, media_share=0.01), 40),
        (Capacity(cores=0.5, workers=1, codec_share=0.03, media_share=0.01), 10),
        (Capacity(cores=16, workers=16, codec_share=0.03, media_share=0.01), 80),
        (Capacity(cores=8, workers=1, codec_share=0.1, media_share=0.01), 8),
        (Capacity(cores=1, workers=1, codec_share=3.0, media_share=0.01), 2),
    ],
    ids=["cores", "a-quota", "one-event-loop", "few-codec-threads", "too-slow-for-one-call"],
)
def test_the_scarcest_decides(capacity: Capacity, seats: int) -> None:
    assert capacity.seats == seats


class Slow(TinyEngine):
    def _step(self, stream: int) -> None:
        until = time.thread_time() + 0.002
        while time.thread_time() < until:
            pass


def test_a_frame_costs_what_encoder_and_decoder_take() -> None:
    assert frame_cost_seconds(Slow(), seconds=0.0) >= 0.004


async def test_a_node_measures_itself() -> None:
    media = MediaPlane.start(Slow(), workers=2)
    capacity = await media.measure(0.05)
    await media.stop()
    assert capacity.workers == 2
    assert capacity.codec_share >= 0.004 * Slow.config.frame_rate

"""What a node makes of its settings for every voice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from codec.packet import Packet
from server.media.frame import frame_to_bytes
from server.media.plane import MediaPlane
from tests.server.doubles import TinyEngine


@asynccontextmanager
async def plane(constant_bitrate: bool) -> AsyncIterator[MediaPlane]:
    media = MediaPlane.start(TinyEngine(), 1, constant_bitrate=constant_bitrate)
    try:
        yield media
    finally:
        await media.stop()


@pytest.mark.parametrize("constant", [False, True], ids=["variable", "constant"])
async def test_frames_get_quantizers_by_their_level_unless_the_bitrate_is_constant(constant: bool) -> None:
    packets, faults = list[Packet](), list[Exception]()
    async with plane(constant) as media:
        uplink = media.open_uplink(8, False, packets.append, faults.append)
        for sequence, amplitude in enumerate((0.5, 0.0, 0.5)):
            uplink.receive(frame_to_bytes(sequence, 0, np.full(320, amplitude, np.float32)))
        await uplink.worker.call(lambda: None)
        media.close_uplink(uplink)
    assert not faults
    loud, silent, again = (packet.n_q for packet in packets)
    assert (loud, silent, again) == (8, 8, 8) if constant else loud > 8 > silent

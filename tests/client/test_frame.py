from __future__ import annotations

import math

import numpy as np
import pytest

from client.frame import CODEC, MESSAGE_BYTES, Frame, FrameError, level_dbfs


def test_a_message_has_the_documented_bytes() -> None:
    pcm = np.zeros(CODEC.hop, np.int16)
    pcm[0], pcm[-1] = 1, -2
    message = Frame(0x01020304, 0x0A0B0C0D, pcm).to_bytes()
    assert len(message) == MESSAGE_BYTES == 648
    assert message[:10] == bytes([4, 3, 2, 1, 0x0D, 0x0C, 0x0B, 0x0A, 1, 0])
    assert message[-2:] == bytes([0xFE, 0xFF])


def test_a_frame_survives_the_channel() -> None:
    pcm = np.arange(-160, 160, dtype=np.int16)
    back = Frame.from_bytes(Frame(7, 1234, pcm).to_bytes())
    assert (back.sequence, back.clock_ms) == (7, 1234)
    assert np.array_equal(back.pcm, pcm)


def test_sequence_and_clock_wrap() -> None:
    back = Frame.from_bytes(Frame((1 << 32) + 5, (1 << 32) + 6, np.zeros(CODEC.hop, np.int16)).to_bytes())
    assert (back.sequence, back.clock_ms) == (5, 6)


@pytest.mark.parametrize("length", [0, 7, 647, 649], ids="{}-bytes".format)
def test_another_length_is_no_frame(length: int) -> None:
    with pytest.raises(FrameError, match=str(length)):
        Frame.from_bytes(bytes(length))


def test_level() -> None:
    square = np.full(CODEC.hop, 16_384, np.int16)
    assert level_dbfs(square) == pytest.approx(-6.02, abs=0.01)
    assert level_dbfs(np.zeros(CODEC.hop, np.int16)) == -math.inf
    assert level_dbfs(np.zeros(0, np.int16)) == -math.inf

"""The data channel's messages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from server.media.frame import FrameError, frame_from_bytes, frame_to_bytes

HOP = 320


@given(st.integers(0, 2**32 - 1), arrays(np.int16, HOP))
def test_samples_come_back_to_the_bit(sequence: int, samples: np.ndarray) -> None:
    message = sequence.to_bytes(4, "little") + bytes(4) + samples.astype("<i2").tobytes()
    frame = frame_from_bytes(message, HOP)
    assert frame.sequence == sequence
    assert float(np.abs(frame.pcm).max()) <= 1
    assert frame_to_bytes(frame.sequence, frame.clock_ms, frame.pcm) == message


def test_the_layout_is_the_documented_one() -> None:
    message = frame_to_bytes(1, 2, np.full(HOP, -0.5, np.float32))
    assert message == b"\x01\0\0\0\x02\0\0\0" + b"\x00\xc0" * HOP


def test_numbers_wrap_and_loud_sound_is_clipped() -> None:
    frame = frame_from_bytes(frame_to_bytes(2**32 + 3, 2**32 + 4.9, np.full(HOP, 7.0, np.float32)), HOP)
    assert (frame.sequence, frame.clock_ms) == (3, 4)
    assert set(frame.pcm) == {np.float32(32767 / 32768)}


@pytest.mark.parametrize("length", [0, 7, 8, 647, 649, 1296])
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(FrameError, match=f"648 bytes, not {length}"):
        frame_from_bytes(bytes(length), HOP)

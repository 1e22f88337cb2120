from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.frame import CODEC, WRAP, Frame
from client.recorder import MAX_JUMP_FRAMES, Recorder


def frame(sequence: int) -> Frame:
    """A frame that can be told from others: its samples are its number."""
    return Frame(sequence % WRAP, 0, np.full(CODEC.hop, sequence % 1000 + 1, np.int16))


def heard(recorder: Recorder) -> list[int]:
    return [int(value) for value in recorder.samples()[:: CODEC.hop]]


def test_nothing_came() -> None:
    recorder = Recorder()
    assert (recorder.received, recorder.span, recorder.lost) == (0, 0, 0)
    assert recorder.samples().shape == (0,)


@pytest.mark.parametrize("first", [0, 41, WRAP - 2], ids="from-{}".format)
def test_a_gap_is_silence(first: int) -> None:
    recorder = Recorder()
    for sequence in (first, first + 1, first + 4):
        recorder.push(frame(sequence))
    assert heard(recorder) == [first % WRAP % 1000 + 1, (first + 1) % 1000 + 1, 0, 0, (first + 4) % 1000 + 1]
    assert (recorder.received, recorder.span, recorder.lost) == (3, 5, 2)


@given(st.permutations(range(8)), st.sampled_from([100, WRAP - 4]))
def test_order_of_arrival_does_not_matter(order: list[int], first: int) -> None:
    recorder = Recorder()
    for offset in order:
        recorder.push(Frame((first + offset) % WRAP, 0, np.full(CODEC.hop, offset + 1, np.int16)))
    assert heard(recorder) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert recorder.lost == 0


def test_a_repeated_frame_is_kept_once() -> None:
    recorder = Recorder()
    for sequence in (5, 6, 5, 6, 6):
        recorder.push(frame(sequence))
    assert (recorder.received, recorder.repeated) == (2, 3)
    assert heard(recorder) == [6, 7]


def test_a_frame_from_far_away_does_not_blow_the_recording_up() -> None:
    recorder = Recorder()
    for sequence in (0, 1, 2 + MAX_JUMP_FRAMES, 1 << 31, 2):
        recorder.push(frame(sequence))
    assert (recorder.span, recorder.stray) == (3, 2)


def test_another_stream_follows_what_came() -> None:
    recorder = Recorder()
    recorder.push(Frame(700, 0, np.full(CODEC.hop, 1, np.int16)))
    recorder.push(Frame(701, 0, np.full(CODEC.hop, 2, np.int16)))
    recorder.begin_anew()
    recorder.push(Frame(3, 0, np.full(CODEC.hop, 3, np.int16)))
    recorder.push(Frame(5, 0, np.full(CODEC.hop, 5, np.int16)))
    assert recorder.samples()[:: CODEC.hop].tolist() == [1, 2, 3, 0, 5]
    assert (recorder.received, recorder.lost, recorder.stray) == (4, 1, 0)

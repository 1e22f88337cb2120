"""The ear on its own: frames and times come in as arguments."""

from __future__ import annotations

import numpy as np
import pytest

from client.frame import CODEC, WRAP, Frame
from client.load.ear import ALIKE, FRAME_SECONDS, Ear, Mouth, Window
from client.load.voice import SPEECH, Voice, cut
from codec.audiofile import read_audio

BEGIN = 100.0  # on the monotonic clock; the mouth began 5 s before
SECONDS = 6
LATE_FRAMES = 6  # how much later the ear hears: 80 ms


@pytest.fixture(scope="module")
def mouth() -> Mouth:
    mouth = Mouth(Voice(cut(read_audio(SPEECH)), seed=1))
    mouth.sent.extend(BEGIN - 5 + index * FRAME_SECONDS for index in range(round((5 + SECONDS) / FRAME_SECONDS)))
    return mouth


def listen(mouth: Mouth, voice: Voice, lost: frozenset[int] = frozenset(), first: int = 40) -> Ear:
    """An ear that hears `voice` as if it were the mouth's; its numbers begin at `first`."""
    ear = Ear(mouth, Window(BEGIN, BEGIN + SECONDS))
    for index in range(len(mouth.sent) - LATE_FRAMES):
        if index not in lost:
            frame = Frame((first + index) % WRAP, 0, voice.frame(index))
            ear.push(frame, mouth.sent[index] + LATE_FRAMES * FRAME_SECONDS)
    return ear


@pytest.mark.parametrize("first", [40, WRAP - 500], ids=["plain", "wrapping"])
def test_latency_is_from_the_spoken_sample_to_the_frame_that_has_it(mouth: Mouth, first: int) -> None:
    ear = listen(mouth, mouth.voice, first=first)
    assert ear.received == pytest.approx(SECONDS * CODEC.frame_rate, abs=2)
    assert ear.missing == 0
    assert len(ear.gaps_ms()) == 0
    judgements = ear.judge()
    assert len(judgements) == 3
    for judgement in judgements:
        assert judgement.likeness > 0.99
        # The first sample of a frame is a frame's length old when the frame goes out.
        expected_ms = 1000 * (LATE_FRAMES + 1) * FRAME_SECONDS
        assert judgement.mouth_to_ear_ms == pytest.approx(np.full(judgement.mouth_to_ear_ms.size, expected_ms), abs=0.6)


def test_missing_frames_and_gaps(mouth: Mouth) -> None:
    lost = frozenset([*range(500, 510), 600, 700])
    ear = listen(mouth, mouth.voice, lost)
    assert ear.missing == 12
    assert ear.gaps_ms() == pytest.approx([11 * 1000 * FRAME_SECONDS], abs=0.1)
    assert all(judgement.likeness > ALIKE for judgement in ear.judge())


def test_another_voice_is_not_taken_for_the_mouth_s(mouth: Mouth) -> None:
    other = Voice(cut(read_audio(SPEECH)), seed=2)
    judgements = listen(mouth, other).judge()
    assert judgements
    assert all(judgement.likeness < ALIKE and not judgement.mouth_to_ear_ms.size for judgement in judgements)


def test_silence_is_not_taken_for_the_mouth_s(mouth: Mouth) -> None:
    ear = Ear(mouth, Window(BEGIN, BEGIN + SECONDS))
    for index in range(round(SECONDS * CODEC.frame_rate)):
        ear.push(Frame(index, 0, np.zeros(CODEC.hop, np.int16)), BEGIN + index * FRAME_SECONDS)
    assert [judgement.likeness for judgement in ear.judge()] == [0.0] * 3


def test_ruins_are_judged_too(mouth: Mouth) -> None:
    lost = frozenset(index for index in range(len(mouth.sent)) if index % 10)
    ear = listen(mouth, mouth.voice, lost)
    assert [judgement.likeness for judgement in ear.judge()] == [0.0] * 3


def test_who_said_nothing_is_not_missed() -> None:
    ear = Ear(Mouth(Voice(cut(read_audio(SPEECH)), seed=1)), Window(BEGIN, BEGIN + SECONDS))
    assert ear.judge() == []


def test_a_measurement_that_is_cut_short_judges_what_was_whole(mouth: Mouth) -> None:
    ear = listen(mouth, mouth.voice)
    ear._window.end = BEGIN + 3
    assert len(ear.judge()) == 1


def test_an_ear_that_heard_nothing(mouth: Mouth) -> None:
    ear = Ear(mouth, Window(BEGIN, BEGIN + SECONDS))
    ear.push(Frame(0, 0, mouth.voice.frame(0)), BEGIN - 1)
    assert (ear.received, ear.missing) == (0, 0)
    assert [judgement.likeness for judgement in ear.judge()] == [0.0] * 3

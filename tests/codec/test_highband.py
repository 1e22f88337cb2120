"""How the highest band is spread: shapes, their shares, and when one is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.codebits import PacketError
from codec.highband import (
    AUDIBLE,
    HIGH_PARTS,
    LATEST_FRAMES,
    LEAST_CHANGED_DB,
    SHAPES,
    SHARES,
    STEPS_DB,
    USUAL,
    USUAL_SHARES,
    HighBandControl,
    Parts,
    check,
    nearest,
)

ENDS = SHAPES.index((-3, -20, -28))  # a voice that ends below the third part
N_Q = 8


def test_a_byte_names_every_shape() -> None:
    assert len(SHAPES) == len(set(SHAPES)) <= 256
    for shape in range(len(SHAPES)):
        check(shape)


@pytest.mark.parametrize("shape", [-1, len(SHAPES), 255])
def test_what_is_no_shape_is_named(shape: int) -> None:
    with pytest.raises(PacketError, match=rf"high band {shape} is outside 0\.\.251"):
        check(shape)


@pytest.mark.parametrize("shape", range(0, len(SHAPES), 7))
def test_shares_are_of_one_whole_and_as_far_apart_as_said(shape: int) -> None:
    shares = SHARES[shape].astype(np.float64)
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(10 * np.diff(np.log10(shares)), SHAPES[shape], atol=1e-3)
    assert nearest(SHARES[shape]) == shape


@given(st.tuples(*[st.floats(-3, 3)] * HIGH_PARTS))
def test_the_nearest_shape_is_nearest_in_every_step(logs: tuple[float, ...]) -> None:
    steps = 10 * np.diff(logs)
    found = SHAPES[nearest(np.array(10 ** np.array(logs), dtype=np.float32))]
    for step, choice, choices in zip(steps, found, STEPS_DB, strict=True):
        assert abs(step - choice) <= min(abs(step - other) for other in choices) + 1e-2


def test_what_no_shape_has_is_said_as_the_last_there_is() -> None:
    assert SHAPES[nearest(np.array([1e9, 0, 1e9, 1e-3], np.float32))] == (-20, 6, -28)


def test_the_usual_shares_are_of_the_usual_shape() -> None:
    assert np.array_equal(USUAL_SHARES, SHARES[USUAL])
    assert USUAL_SHARES.dtype == np.float32


def said(
    control: HighBandControl, packets: int, powers: Parts, frames: int = 1, n_q: int = N_Q
) -> list[tuple[int, int]]:
    """What packets of `frames` say, and which ones do."""
    found = list[tuple[int, int]]()
    for packet in range(packets):
        for _ in range(frames):
            control.hear(powers)
        shape = control.say(n_q)
        if shape is not None:
            found.append((packet, shape))
    return found


@pytest.mark.parametrize("level", [1e-3, 1.0, 1e4])
def test_what_is_unusual_is_said_at_once_and_again(level: float) -> None:
    found = said(HighBandControl(), 2 * LATEST_FRAMES + 1, level * SHARES[ENDS])
    assert found == [(0, ENDS), (LATEST_FRAMES, ENDS), (2 * LATEST_FRAMES, ENDS)]


def test_what_is_usual_is_said_in_the_end_only() -> None:
    assert said(HighBandControl(), LATEST_FRAMES, USUAL_SHARES) == [(LATEST_FRAMES - 1, USUAL)]


def away(db: float) -> Parts:
    """The usual powers, each changed by so much, half of them up and half of them down."""
    return np.asarray(USUAL_SHARES * 10 ** (np.array([db, -db, db, -db]) / 10), dtype=np.float32)


def test_fewer_quantizers_wait_for_a_greater_change() -> None:
    """What is said costs more of their bits."""
    assert not said(HighBandControl(), 9, away(0.8 * LEAST_CHANGED_DB), n_q=24)
    assert len(said(HighBandControl(), 9, away(1.5 * LEAST_CHANGED_DB), n_q=24)) == 1
    assert not said(HighBandControl(), 9, away(1.5 * LEAST_CHANGED_DB), n_q=2)


@pytest.mark.parametrize("level", [0.0, AUDIBLE / 2, np.inf, np.nan])
def test_what_is_not_heard_and_what_is_no_power_say_nothing(level: float) -> None:
    control = HighBandControl()
    assert said(control, 500, level * SHARES[ENDS]) == []
    assert said(control, 1, SHARES[ENDS]) == [(0, ENDS)]


def test_a_packet_of_many_frames_says_what_they_are_like_together() -> None:
    control = HighBandControl()
    control.hear(1e-7 * USUAL_SHARES)
    control.hear(SHARES[ENDS])
    assert control.say(N_Q) == ENDS
    assert said(control, 5, SHARES[ENDS], frames=75) == [(1, ENDS), (3, ENDS)]


def test_a_steady_noise_says_hardly_anything() -> None:
    """Though its powers are never the same in two frames."""
    rng, control = np.random.default_rng(3), HighBandControl()
    noise = SHARES[ENDS] * rng.gamma(8, 1 / 8, (750, HIGH_PARTS)).astype(np.float32)
    assert sum(len(said(control, 1, powers, n_q=24)) for powers in noise) < 75

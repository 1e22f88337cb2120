"""How the highest band is spread: in bytes, as shares, and when it is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.codebits import PacketError
from codec.highband import (
    BYTES,
    HIGH_PARTS,
    LATEST_FRAMES,
    LEAST,
    MOST,
    SOONEST_FRAMES,
    STEP_DB,
    USUAL,
    USUAL_SHARES,
    HighBand,
    HighBandControl,
    check,
    from_bytes,
    shares_of,
    to_bytes,
)

STEPS = st.tuples(*[st.integers(LEAST, MOST)] * (HIGH_PARTS - 1))


@given(STEPS)
def test_steps_come_back_from_their_bytes(band: HighBand) -> None:
    check(band)
    data = to_bytes(band)
    assert len(data) == BYTES
    assert from_bytes(data) == band


def test_the_first_bit_is_zero() -> None:
    with pytest.raises(PacketError, match="a first bit that is not zero"):
        from_bytes(b"\x80\x00")


@pytest.mark.parametrize("band", [(0, 0), (0, 0, 0, 0), (LEAST - 1, 0, 0), (0, 0, MOST + 1)])
def test_what_is_no_high_band_is_named(band: HighBand) -> None:
    with pytest.raises(PacketError, match=r"high band \(.*\) is not 3 steps in -20\.\.11"):
        check(band)


@given(STEPS)
def test_shares_are_of_one_whole_and_as_far_apart_as_said(band: HighBand) -> None:
    shares = shares_of(band).astype(np.float64)
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(10 * np.diff(np.log10(shares)), STEP_DB * np.array(band), atol=1e-3)


def powers(band: HighBand, level: float = 1.0) -> np.ndarray:
    return level * shares_of(band)


def said(control: HighBandControl, frames: int, band: HighBand, level: float = 1.0) -> list[tuple[int, HighBand]]:
    """What packets of one frame say, and after how many."""
    found = ((frame, control.after(1, lambda: powers(band, level))) for frame in range(1, frames + 1))
    return [(frame, high) for frame, high in found if high]


@pytest.mark.parametrize("level", [1e-6, 1.0, 1e4])
def test_what_is_unusual_is_said_soon_then_now_and_again(level: float) -> None:
    band = (-2, -3, -12)
    found = said(HighBandControl(), 400, band, level)
    assert found == [(SOONEST_FRAMES + i * LATEST_FRAMES, band) for i in range(3)]


def test_what_is_usual_is_said_in_the_end_only() -> None:
    assert said(HighBandControl(), LATEST_FRAMES, USUAL) == [(LATEST_FRAMES, USUAL)]


def test_a_change_is_said_and_one_of_a_step_is_not() -> None:
    control = HighBandControl()
    said(control, LATEST_FRAMES, USUAL)
    assert said(control, LATEST_FRAMES - 1, (0, -2, -3)) == []
    said(control, 1, (0, -2, -3))
    assert said(control, 100, (0, -4, -3)) == [(SOONEST_FRAMES, (0, -4, -3))]


@pytest.mark.parametrize("level", [0.0, 5e-10, np.inf, np.nan])
def test_silence_and_what_is_no_power_say_nothing(level: float) -> None:
    assert said(HighBandControl(), 500, (0, 0, -9), level) == []


def test_what_is_beyond_the_steps_is_said_as_the_last_of_them() -> None:
    [high] = {HighBandControl().after(100, lambda: np.array([1e9, 0, 1e9, 1e-3], np.float32))}
    assert high == (LEAST, MOST, LEAST)
    check(high)


def test_packets_of_many_frames_say_it_each_time_it_is_due() -> None:
    control = HighBandControl()
    assert [bool(control.after(75, lambda: powers((0, 0, -9)))) for _ in range(5)] == [True, False, True, False, True]


def test_the_usual_shares_are_of_the_usual_steps() -> None:
    assert np.array_equal(USUAL_SHARES, shares_of(USUAL))
    assert USUAL_SHARES.dtype == np.float32

from __future__ import annotations

import math

import numpy as np
import pytest

from client.frame import CODEC, level_dbfs
from client.hearing import LOUDEST_DBFS, QUIETEST_DBFS, Hearing

SECOND = round(CODEC.frame_rate)


def heard(hearing: Hearing, *levels_dbfs: float) -> int:
    return sum([hearing.is_sound(level) for level in levels_dbfs])


@pytest.mark.parametrize("noise_dbfs", [-math.inf, -70.0, -45.0, -40.0], ids="{}-dBFS".format)
def test_a_voice_is_heard_over_any_background_and_the_background_is_not(noise_dbfs: float) -> None:
    hearing = Hearing()
    assert heard(hearing, *[noise_dbfs] * 5 * SECOND) == 0
    assert heard(hearing, *[-24.0, -20.0, noise_dbfs, -24.0] * SECOND) == 3 * SECOND
    assert heard(hearing, *[noise_dbfs] * 5 * SECOND) == 0


def test_comfort_noise_is_silence() -> None:
    noise = np.random.default_rng(1).standard_normal((10 * SECOND, CODEC.hop)) * 10 ** (-42 / 20)
    assert heard(Hearing(), *[level_dbfs((frame * 32_768).astype(np.int16)) for frame in noise]) == 0


def test_a_quiet_voice_in_a_quiet_room_is_heard() -> None:
    hearing = Hearing()
    heard(hearing, *[-75.0] * SECOND)
    assert heard(hearing, QUIETEST_DBFS + 5) == 1


def test_a_loud_steady_sound_is_no_background() -> None:
    assert heard(Hearing(), *[LOUDEST_DBFS + 5] * 10 * SECOND) == 10 * SECOND


def test_a_noise_that_begins_is_background_after_a_while() -> None:
    hearing = Hearing()
    heard(hearing, *[-80.0] * SECOND)
    heard(hearing, *[-45.0] * 3 * SECOND)
    assert heard(hearing, *[-45.0] * SECOND) == 0

from __future__ import annotations

import numpy as np
import pytest

from codec.engine.base import Pcm
from codec.evaluation.pair import Pair


@pytest.mark.parametrize("delay", [-700, -1, 0, 1, 155, 5000], ids="{}-samples".format)
def test_the_delay_goes_and_the_level_stays(speech: Pcm, delay: int) -> None:
    late = 0.5 * np.concatenate([np.zeros(max(delay, 0), np.float32), speech[max(-delay, 0) :]])
    pair = Pair(speech, late)
    assert pair.delay == delay
    assert len(pair.reference) == len(pair.degraded)
    np.testing.assert_allclose(pair.degraded, pair.reference / 2, atol=1e-7)
    assert pair.gain_db == pytest.approx(-6.02, abs=0.01)


def test_a_lower_rate_on_the_way_takes_what_lies_above_its_half(speech: Pcm) -> None:
    time = np.arange(len(speech)) / 24_000
    tones = np.sin(2 * np.pi * 1000 * time) + np.sin(2 * np.pi * 10_000 * time)
    pair = Pair(tones, tones)
    for rate, through, left in ((48_000, 24_000, 1.0), (48_000, 16_000, 0.5), (16_000, 24_000, 0.5)):
        reference, degraded = pair.at(rate, through)
        assert len(reference) == len(speech) * rate // 24_000
        np.testing.assert_array_equal(reference, degraded)
        assert np.mean(reference[2000:-2000] ** 2) == pytest.approx(left, abs=0.01)


def test_silence_has_no_delay_and_no_gain() -> None:
    silence = np.zeros(4800, np.float32)
    pair = Pair(silence, silence)
    assert abs(pair.delay_ms) <= 250
    assert pair.gain_db == 0

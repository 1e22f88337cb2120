"""Levels in bands: measured where they are, and given to a sound that had others."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
import torch

from codec.bands import (
    EMPHASIS_REACH,
    INAUDIBLE,
    LEAST_POWER,
    MOST_GAIN,
    TAPS,
    WINDOW,
    emphases,
    emphasis_weights,
    equalizer_bands,
    level_bands,
)
from codec.config import PRESETS
from codec.highband import HIGH_PARTS
from codec.levels import (
    Equalizer,
    LevelAnalysis,
    compressed,
    high_shares,
    log_powers,
    parted,
    whole,
)

CONFIG = PRESETS["base"]
BANDS = CONFIG.bands + HIGH_PARTS - 1  # of the equalizer
FRAMES = 12


@pytest.fixture(scope="module")
def equalizer() -> Equalizer:
    return Equalizer(CONFIG)


@pytest.fixture(scope="module")
def sound() -> torch.Tensor:
    return 0.05 * torch.randn(2, 1, FRAMES * CONFIG.hop, generator=torch.Generator().manual_seed(3))


def powers(equalizer: Equalizer, sound: torch.Tensor) -> torch.Tensor:
    return equalizer.analysis.step(sound, equalizer.analysis.initial_state(len(sound)))[0]


def equalized(equalizer: Equalizer, sound: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return equalizer.step(sound, wanted, equalizer.initial_state(len(sound)))[0]


def test_from_the_first_center_on_bands_share_every_frequency() -> None:
    frequency = np.linspace(CONFIG.band_from_hz, CONFIG.sample_rate / 2, 500)
    np.testing.assert_allclose(equalizer_bands(CONFIG).shares(frequency).sum(axis=0), 1)
    assert not equalizer_bands(CONFIG).shares(np.array([0.0, 500.0])).any()


def test_the_last_level_is_the_sum_of_its_parts(equalizer: Equalizer, sound: torch.Tensor) -> None:
    frequency = np.linspace(0, CONFIG.sample_rate / 2, 500)
    shares, levels = equalizer_bands(CONFIG).shares(frequency), level_bands(CONFIG).shares(frequency)
    np.testing.assert_allclose(shares[-HIGH_PARTS:].sum(axis=0), levels[-1], atol=1e-12)
    np.testing.assert_allclose(shares[:-HIGH_PARTS], levels[:-1], atol=1e-12)
    found = powers(equalizer, sound)
    assert whole(found).shape == (2, CONFIG.bands, FRAMES)
    torch.testing.assert_close(whole(found).sum(dim=1), found.sum(dim=1))


def test_a_level_in_parts_is_as_loud_as_it_was_and_spread_as_asked(equalizer: Equalizer, sound: torch.Tensor) -> None:
    found = powers(equalizer, sound)
    shares = high_shares(found)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(2, 1))
    again = torch.exp(parted(torch.log(whole(found) + INAUDIBLE), shares)) - INAUDIBLE
    torch.testing.assert_close(whole(again), whole(found), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(high_shares(again), shares, rtol=1e-3, atol=1e-4)
    silent = parted(torch.full((1, CONFIG.bands, 1), float(np.log(INAUDIBLE))), shares[:1])
    torch.testing.assert_close(silent, torch.full_like(silent, float(np.log(INAUDIBLE))))


@pytest.mark.parametrize("hertz", [1500.0, 4000.0, 11000.0])
def test_a_tone_is_found_in_its_band_and_as_loud_as_it_is(hertz: float) -> None:
    analysis = LevelAnalysis(CONFIG)
    time = torch.arange(6 * CONFIG.hop) / CONFIG.sample_rate
    found, _ = analysis.step(0.1 * torch.sin(2 * pi * hertz * time)[None, None], analysis.initial_state(1))
    assert int(found[0, :, 3].argmax()) == int(equalizer_bands(CONFIG).shares(np.array([hertz])).argmax())
    assert float(found[0, :, 3].sum()) == pytest.approx(0.1**2 / 2, rel=0.1)  # a mean square
    louder, _ = analysis.step(0.2 * torch.sin(2 * pi * hertz * time)[None, None], analysis.initial_state(1))
    torch.testing.assert_close(louder, 4 * found)


def test_a_frame_s_powers_do_not_depend_on_what_comes_later(equalizer: Equalizer, sound: torch.Tensor) -> None:
    later = sound.clone()
    later[..., 5 * CONFIG.hop :] = 0
    assert torch.equal(powers(equalizer, sound)[..., :5], powers(equalizer, later)[..., :5])


def test_powers_come_back_from_the_line() -> None:
    given = torch.logspace(-7, 2, 50)
    torch.testing.assert_close(log_powers(compressed(given)), torch.log(given + INAUDIBLE), rtol=0, atol=0.02)
    assert torch.isfinite(log_powers(torch.tensor([-1.0, 0.0]))).all()
    assert float(compressed(torch.zeros(1))) == pytest.approx(LEAST_POWER**0.15)


@pytest.mark.parametrize("decibels", [-15.0, -6.0, 6.0, 15.0])
def test_a_sound_gets_the_levels_it_shall_have(equalizer: Equalizer, sound: torch.Tensor, decibels: float) -> None:
    """A change as smooth as voices' are; a filter without delay cannot be steeper than bands overlap."""
    change = decibels / 4.343 * torch.sin(torch.arange(BANDS) / BANDS * 2 * pi)
    wanted = torch.log(powers(equalizer, sound)) + change[:, None]
    given = torch.log(powers(equalizer, equalized(equalizer, sound, wanted)))
    off = 4.343 * (given - wanted)[..., 1:].mean(dim=(0, 2))
    assert float(off.abs().max()) < 0.15 * abs(decibels)
    assert float(off.abs().mean()) < 0.06 * abs(decibels)


def test_a_second_pass_comes_nearer(equalizer: Equalizer, sound: torch.Tensor) -> None:
    """Levels that change from frame to frame and from band to band, as voices' do."""
    change = 0.8 * torch.randn(2, BANDS, FRAMES, generator=torch.Generator().manual_seed(8))
    wanted = torch.log(powers(equalizer, sound)) + change
    once, _ = equalizer.step(sound, wanted, equalizer.pass_state(2))
    off = [
        float((torch.log(powers(equalizer, heard)) - wanted)[:, 1:-1, 1:].square().mean())
        for heard in (once, equalized(equalizer, sound, wanted))
    ]
    assert off[1] < 0.8 * off[0]


def test_a_sound_that_has_its_levels_passes_unchanged(equalizer: Equalizer, sound: torch.Tensor) -> None:
    wanted = torch.log(powers(equalizer, sound) + INAUDIBLE)
    torch.testing.assert_close(equalized(equalizer, sound, wanted), sound, rtol=0, atol=1e-6)


def test_what_is_far_off_is_raised_by_20_db_and_no_more(equalizer: Equalizer, sound: torch.Tensor) -> None:
    gain = torch.full((2, BANDS, FRAMES), 99.0)
    loud = equalized(equalizer, sound, gain)  # by all passes together
    assert float(loud.std() / sound.std()) == pytest.approx(np.exp(MOST_GAIN), rel=0.1)
    assert float(equalized(equalizer, torch.zeros_like(sound), gain).abs().max()) == 0


def test_frame_by_frame_is_the_same_sound(equalizer: Equalizer, sound: torch.Tensor) -> None:
    wanted = torch.log(powers(equalizer, sound)) + torch.randn(
        2, BANDS, FRAMES, generator=torch.Generator().manual_seed(5)
    )
    whole, state, pieces = equalized(equalizer, sound, wanted), equalizer.initial_state(2), []
    for frame in range(FRAMES):
        piece, state = equalizer.step(
            sound[..., frame * CONFIG.hop : (frame + 1) * CONFIG.hop], wanted[..., frame : frame + 1], state
        )
        pieces.append(piece)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-6)


def test_filters_are_of_minimum_phase(equalizer: Equalizer) -> None:
    """All zeros inside the unit circle: so nothing is delayed more than its levels ask for."""
    gains = torch.randn(3, BANDS, 1, generator=torch.Generator().manual_seed(7)) / 2
    for taps in equalizer.filter.responses(gains)[:, 0].double().numpy():
        taps[0] += 1
        assert abs(np.roots(taps)).max() < 1
        assert np.square(taps[: TAPS // 4]).sum() > 0.95 * np.square(taps).sum()


def test_the_window_is_long_enough_to_tell_the_bands_apart() -> None:
    """Each band has more than one bin of the spectrum to itself."""
    hertz = np.linspace(0, CONFIG.sample_rate / 2, WINDOW // 2 + 1)
    assert (level_bands(CONFIG).shares(hertz) > 0).sum(axis=1).min() > 2


def test_emphasis_raises_peaks_lowers_valleys_and_leaves_what_is_even(equalizer: Equalizer) -> None:
    even = torch.full((1, CONFIG.bands, 1), -5.0)
    peak, at = even.clone(), CONFIG.bands // 2
    peak[:, at] += 2
    for n_q in (1, 4, 8, 16, 24):
        torch.testing.assert_close(equalizer.emphasised(even, n_q), even)
        change = (equalizer.emphasised(peak, n_q) - peak)[0, :, 0]
        emphasis = float(emphases(CONFIG)[n_q - 1])
        assert 0.6 * emphasis < float(change[at]) / 2 < emphasis
        assert (change[at - EMPHASIS_REACH : at] < 0).all()
        assert change[: at - EMPHASIS_REACH].abs().max() < 1e-5
    assert np.allclose(emphasis_weights(CONFIG).sum(axis=1), 0, atol=1e-6)


def test_fewer_quantizers_are_emphasised_more() -> None:
    """None by more than what a frame of one has, and each by no more than the one before."""
    steps = np.diff(emphases(CONFIG))
    assert len(steps) == CONFIG.quantizers - 1
    assert (steps <= 0).all()
    assert steps.min() > -0.05
    assert 0 < emphases(CONFIG)[-1] < emphases(CONFIG)[0] < 1

"""Maps of bands: that they run in steps as they run whole, what running means are, and that all bands are alike."""

from __future__ import annotations

import pytest
import torch

from codec.bandmaps import CHUNK, BandMaps, CausalConv2d, RunningMeans
from codec.bands import DENOISE_HARMONIC, DENOISE_MEANS, DENOISE_START
from codec.config import PRESETS
from codec.seanet import State
from codec.train.generator import well_started

CONFIG = PRESETS["base"]
BANDS, FRAMES = 24, 40


@pytest.fixture(scope="module")
def maps() -> BandMaps:
    torch.manual_seed(5)
    return well_started(BandMaps(CONFIG)).requires_grad_(False)


def loudness(frames: int = FRAMES) -> torch.Tensor:
    return torch.randn(2, BANDS, frames, generator=torch.Generator().manual_seed(frames)) - 0.5


def step(maps: BandMaps, sound: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
    seen, means = maps.seen(sound, state[0])
    made, after = maps.made(seen, state[1:])
    return made, (means, *after)


def run(maps: BandMaps, sound: torch.Tensor) -> torch.Tensor:
    return step(maps, sound, maps.initial_state(len(sound), sound.shape[1]))[0]


def test_frame_by_frame_they_are_the_same(maps: BandMaps) -> None:
    sound = loudness()
    state, pieces = maps.initial_state(2, BANDS), []
    for frame in sound.split(1, dim=2):
        made, state = step(maps, frame, state)
        pieces.append(made)
    torch.testing.assert_close(torch.cat(pieces, dim=2), run(maps, sound), rtol=0, atol=1e-5)


def test_nothing_of_what_comes_is_seen(maps: BandMaps) -> None:
    sound, later = loudness(), loudness().clone()
    later[..., 20:] = 1.0
    torch.testing.assert_close(run(maps, sound)[:, :, :20], run(maps, later)[:, :, :20], rtol=0, atol=1e-6)


def test_what_moves_up_a_band_moves_up_a_band(maps: BandMaps) -> None:
    sound = loudness()
    edge = 2 + len(CONFIG.denoise_map_dilations)
    here, there = run(maps, sound), run(maps, sound.roll(1, dims=1))
    torch.testing.assert_close(here[..., edge:-edge], there.roll(-1, dims=3)[..., edge:-edge], rtol=0, atol=1e-5)


def test_a_convolution_is_torch_s_own() -> None:
    layer = CausalConv2d(3, 5, dilation=2).requires_grad_(False)
    x = torch.randn(2, 3, 20, 7)
    whole = torch.nn.functional.pad(x, (1, 1, 4, 0))
    wanted = torch.nn.functional.conv2d(whole, layer.conv.weight, layer.bias, dilation=(2, 1))
    torch.testing.assert_close(layer.step(x, layer.initial_state(2, 7))[0], wanted)


class TestMeans:
    means = RunningMeans(CONFIG)

    def above(self, sound: torch.Tensor) -> torch.Tensor:
        """[B, T, bands] -> [B, means, T, bands]."""
        return self.means.step(sound, self.means.initial_state(len(sound), sound.shape[2]))[0]

    def test_long_sounds_are_no_other_than_short_ones(self) -> None:
        sound, state, pieces = loudness(CHUNK + 9).transpose(1, 2), self.means.initial_state(2, BANDS), []
        for piece in sound.split(7, dim=1):
            made, state = self.means.step(piece, state)
            pieces.append(made)
        torch.testing.assert_close(torch.cat(pieces, dim=2), self.above(sound), rtol=0, atol=1e-4)

    def test_what_lasts_is_its_own_mean(self) -> None:
        seconds = 6 * max(DENOISE_MEANS)
        last = self.above(torch.full((1, int(seconds * CONFIG.frame_rate), 2), 0.3))[0, :, -1]
        assert float(last.abs().max()) < 0.01

    def test_in_the_beginning_nothing_is_known(self) -> None:
        first = self.above(torch.full((1, 1, 1), DENOISE_START))[0, :, 0, 0]
        assert float(first[:DENOISE_HARMONIC].max()) < 0  # it may have been louder before
        assert float(first[DENOISE_HARMONIC:].abs().max()) < 1e-6

    def test_harmonic_means_are_near_the_faintest(self) -> None:
        sound = torch.full((1, 900, 1), -1.0)
        sound[:, ::3] = 0.5
        above = self.above(sound)[0, :, -1, 0]
        assert float(sound[0, -1, 0]) == -1.0
        assert float(above[:DENOISE_HARMONIC].min()) > -0.15
        assert float(above[DENOISE_HARMONIC:].max()) < -0.4

    def test_after_digital_silence_a_floor_is_no_lower_than_where_it_starts(self) -> None:
        silence, hum = torch.full((1, 300, 3), -3.0), torch.zeros(1, 100, 3)
        above = self.above(torch.cat([silence, hum], dim=1))[:, :DENOISE_HARMONIC, 300:]
        assert float(above.max()) < -DENOISE_START + 1e-3
        assert float(above[:, 0, -1].max()) < 0.7 * -DENOISE_START

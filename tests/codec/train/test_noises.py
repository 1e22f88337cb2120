"""Noises: of the length, of every kind, and each as it should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.train.augment import Corpus, rms
from codec.train.noises import MADE, draw_noise, texture_of

SECOND = 24_000


def checked(noise: np.ndarray, length: int) -> None:
    assert noise.shape == (length,)
    assert np.isfinite(noise).all()
    assert noise.any()


def test_noise_is_finite_and_of_the_length(tiny_corpus: Corpus) -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        noise = draw_noise(tiny_corpus, rng, 4000)
        checked(noise, 4000)
        assert noise.dtype == np.float32


def test_nobody_needs_music(tiny_corpus: Corpus) -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        checked(draw_noise(replace(tiny_corpus, music=None), rng, 3000), 3000)


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("length", [1000, 2 * SECOND])
def test_every_kind_that_is_made(kind: str, length: int) -> None:
    rng = np.random.default_rng(4)
    for _ in range(8):
        checked(MADE[kind](rng, length), length)


def test_no_two_are_alike() -> None:
    rng = np.random.default_rng(5)
    sounds = [kind(rng, SECOND) for kind in MADE.values() for _ in range(3)]
    for index, sound in enumerate(sounds):
        for other in sounds[:index]:
            assert abs(np.corrcoef(sound, other)[0, 1]) < 0.5


def test_a_texture_has_the_spectrum_of_its_sound() -> None:
    rng = np.random.default_rng(6)
    time = np.arange(SECOND) / SECOND
    sound = (np.sin(2 * np.pi * 3000 * time) + 0.01 * rng.standard_normal(SECOND)).astype(np.float32)
    texture = texture_of(sound, rng)
    powers = np.abs(np.fft.rfft(texture)) ** 2
    assert powers[2000:4000].sum() > 0.9 * powers.sum()
    assert abs(np.corrcoef(texture, sound)[0, 1]) < 0.5
    assert rms(texture.astype(np.float32)) > 0.01

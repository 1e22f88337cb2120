from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from codec.train.augment import Corpus, Mixture, draw_batch, draw_example, equalise, limit_band, reverberate

NONE = replace(Mixture(), **{f.name: 0.0 for f in fields(Mixture) if f.type == "float"})
LENGTH = 3200


def draws(corpus: Corpus, **shares: float) -> list[tuple[np.ndarray, np.ndarray, float]]:
    rng = np.random.default_rng(4)
    return [draw_example(corpus, replace(NONE, **shares), rng, LENGTH) for _ in range(30)]


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


def test_a_batch_is_bounded_and_of_one_shape(tiny_corpus: Corpus) -> None:
    batch = draw_batch(tiny_corpus, Mixture(), np.random.default_rng(0), 32, LENGTH)
    assert batch.source.shape == batch.target.shape == (32, LENGTH)
    assert set(batch.denoise.tolist()) <= {0.0, 1.0}
    assert np.isfinite(batch.source).all()
    assert np.abs(batch.source).max() < 1
    assert batch.source.dtype == batch.target.dtype == np.float32


def test_clean_speech_is_its_own_target(tiny_corpus: Corpus) -> None:
    for source, target, denoise in draws(tiny_corpus):
        assert np.array_equal(source, target)
        assert denoise == 0
        assert rms(source) > 1e-3


def test_denoising_wants_the_speech_without_the_noise(tiny_corpus: Corpus) -> None:
    for source, target, denoise in draws(tiny_corpus, noisy_denoised=1.0):
        assert denoise == 1
        assert not np.array_equal(source, target)
        snr_db = 20 * np.log10(rms(target) / rms(source - target))
        assert -6 < snr_db < 31


def test_without_denoising_the_noise_is_wanted_too(tiny_corpus: Corpus) -> None:
    for source, target, denoise in draws(tiny_corpus, noisy=1.0):
        assert np.array_equal(source, target)
        assert denoise == 0


def test_silence_is_digital_zero_in_either_mode(tiny_corpus: Corpus) -> None:
    examples = draws(tiny_corpus, silence=1.0)
    assert not any(source.any() or target.any() for source, target, _ in examples)
    assert {denoise for *_, denoise in examples} == {0.0, 1.0}


def test_reverberation_keeps_length_and_direct_sound(tiny_corpus: Corpus) -> None:
    speech = tiny_corpus.speech.clip(0)
    wet = reverberate(speech, tiny_corpus.rir, np.random.default_rng(0))
    assert wet.shape == speech.shape
    assert np.abs(np.corrcoef(wet, speech)[0, 1]) > 0.1


@pytest.mark.parametrize("kind", ["music", "clean_denoised"])
def test_other_kinds_are_their_own_target(tiny_corpus: Corpus, kind: str) -> None:
    for source, target, denoise in draws(tiny_corpus, **{kind: 1.0}):
        assert np.array_equal(source, target)
        assert denoise == float(kind == "clean_denoised")


@pytest.mark.parametrize("fault", ["chorus", "equalised", "band_limited", "clipped"])
def test_what_the_microphone_delivers_is_wanted_as_it_is(fault: str, tiny_corpus: Corpus) -> None:
    plain = draws(tiny_corpus)
    changed = draws(tiny_corpus, **{fault: 1.0})
    for source, target, _ in changed:
        assert np.array_equal(source, target)
        assert np.isfinite(source).all()
    assert not any(np.array_equal(a[0], b[0]) for a, b in zip(plain, changed, strict=True))


def test_an_equaliser_stays_within_its_gains() -> None:
    click = np.zeros(4800, dtype=np.float32)
    click[2400] = 1
    response_db = 20 * np.log10(np.abs(np.fft.rfft(equalise(click, np.random.default_rng(0)))))
    assert np.abs(response_db).max() < 5.1
    assert np.ptp(response_db) > 2


def test_a_narrow_band_ends_where_it_should() -> None:
    noise = np.random.default_rng(0).standard_normal(24_000).astype(np.float32)
    before, after = (np.abs(np.fft.rfft(x)) for x in (noise, limit_band(noise, 0.3)))
    assert after[: 3000].sum() > 0.95 * before[: 3000].sum()
    assert after[4800:].sum() < 0.01 * before[4800:].sum()

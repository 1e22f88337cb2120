from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from codec.train.augment import Corpus, Mixture, draw_batch, draw_example, equalise, limit_band, reverberate, rms
from codec.train.data import Clips

NONE = replace(Mixture(), **{f.name: 0.0 for f in fields(Mixture) if f.type == "float"})
LENGTH = 3200


def draws(corpus: Corpus, **shares: float) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [draw_example(corpus, replace(NONE, **shares), rng, LENGTH) for _ in range(30)]


def test_a_batch_is_bounded_and_of_one_shape(tiny_corpus: Corpus) -> None:
    batch = draw_batch(tiny_corpus, Mixture(), np.random.default_rng(0), 32, LENGTH)
    assert batch.shape == (32, LENGTH)
    assert np.isfinite(batch).all()
    assert np.abs(batch).max() < 1
    assert batch.dtype == np.float32


def test_speech_and_music_are_audible(tiny_corpus: Corpus) -> None:
    for share in ({}, {"music": 1.0}, {"noisy": 1.0}):
        assert all(rms(example) > 1e-3 for example in draws(tiny_corpus, **share))


def test_speech_in_noise_is_other_than_speech(tiny_corpus: Corpus) -> None:
    plain, noisy = draws(tiny_corpus), draws(tiny_corpus, noisy=1.0)
    assert not any(np.array_equal(*pair) for pair in zip(plain, noisy, strict=True))


def test_silence_is_digital_zero(tiny_corpus: Corpus) -> None:
    assert not any(example.any() for example in draws(tiny_corpus, silence=1.0))


def test_reverberation_keeps_length_and_direct_sound(tiny_corpus: Corpus) -> None:
    speech = tiny_corpus.speech.clip(0)
    wet = reverberate(speech, tiny_corpus.rir, np.random.default_rng(0))
    assert wet.shape == speech.shape
    assert np.abs(np.corrcoef(wet, speech)[0, 1]) > 0.1


@pytest.mark.parametrize("fault", ["chorus", "equalised", "band_limited", "clipped"])
def test_the_microphone_has_its_faults(fault: str, tiny_corpus: Corpus) -> None:
    plain = draws(tiny_corpus)
    changed = draws(tiny_corpus, **{fault: 1.0})
    assert all(np.isfinite(example).all() for example in changed)
    assert not any(np.array_equal(*pair) for pair in zip(plain, changed, strict=True))


def test_voices_at_another_speed_have_another_pitch(tiny_corpus: Corpus) -> None:
    time = np.arange(48_000) / 24_000
    tone = Clips(np.int16(10_000 * np.sin(2 * np.pi * 1000 * time)), np.array([0, len(time)]))
    corpus, pitches = replace(tiny_corpus, speech=tone), []
    for example in draws(corpus, at_other_speed=1.0):
        assert len(example) == LENGTH
        pitches.append(24_000 / LENGTH * np.abs(np.fft.rfft(example)).argmax())
    assert 0.84 < min(pitches) / 1000 < 0.9
    assert 1.12 < max(pitches) / 1000 < 1.19
    short = replace(corpus, speech=Clips(tone.samples[:100], np.array([0, 100])))
    assert all(len(example) == LENGTH for example in draws(short, at_other_speed=1.0))


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

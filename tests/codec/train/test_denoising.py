"""How a denoiser is taught: what it is given, that it learns, resumes and comes into the weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import thinline
from codec.bands import DENOISE_WINDOW
from codec.config import PRESETS
from codec.denoiser import Denoiser
from codec.engine import load_engine
from codec.train.adversary import KEPT
from codec.train.augment import Corpus
from codec.train.checkpoint import read_checkpoint
from codec.train.denoising import (
    DenoiseRecipe,
    DenoiserTrainer,
    Pieces,
    draw_batch,
    draw_powers,
    prepare,
    without_background,
)
from codec.train.errors import TrainingError
from codec.weights import open_weights, shipped

CONFIG = PRESETS["base"]
TINY = DenoiseRecipe(steps=60, batch=4, frames=24, speech_pieces=4, noise_pieces=4, warmup_steps=5)


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser(PRESETS["base"])


def powers_of(denoiser: Denoiser, sound: np.ndarray) -> np.ndarray:
    """Of a sound that goes round [frames, bands]."""
    before = sound[denoiser.hop - DENOISE_WINDOW :]
    return denoiser.powers(torch.from_numpy(np.concatenate([before, sound]))[None, None])[0].numpy()


def test_spectra_are_mixed_as_sounds_would_be(denoiser: Denoiser) -> None:
    rng = np.random.default_rng(1)
    speech, noise = (rng.standard_normal(24 * 320).astype(np.float32) for _ in range(2))
    pieces = [Pieces(denoiser, lambda sound=sound: sound, 24, 1, "sound") for sound in (speech, noise)]
    speech, noise = (sound / np.abs(sound).max() for sound in (speech, noise))
    recipe = replace(TINY, noise_alone=0.0, nearly_clean=0.0, snr_db=(3.0, 3.0), level_dbfs=(-30.0, -30.0))
    gain = pieces[0].active[0] / pieces[1].strength[0] * 10 ** (-3.0 / 20)
    alike = []
    for seed in range(40):  # half of them are coloured
        given, wanted = draw_powers(recipe, *pieces, denoiser.weights.numpy(), np.random.default_rng(seed))
        level = np.sqrt(wanted.sum() / pieces[0].wanted.sum())
        turns = [np.roll(pieces[0].wanted[0] * level**2, -k, axis=0) for k in range(24)]
        turn = int(np.argmin([np.abs(wanted - turned).max() for turned in turns]))
        sums = [
            powers_of(denoiser, level * (np.roll(speech, -320 * turn) + sign * gain * np.roll(noise, -320 * other)))
            for sign in (-1, 1)
            for other in range(24)
        ]
        alike.append(min(float(np.abs(given / mixed - 1).max()) for mixed in sums))
    assert sum(error < 0.05 for error in alike) > 8
    assert min(alike) < 0.02


def test_an_example_is_speech_and_the_same_in_noise(denoiser: Denoiser, tiny_corpus: Corpus) -> None:
    recipe, rng = replace(TINY, noise_alone=0.0, nearly_clean=0.0), np.random.default_rng(3)
    speech, noise = prepare(recipe, tiny_corpus, denoiser, rng)
    for _ in range(10):
        given, wanted = draw_batch(recipe, speech, noise, denoiser.weights.numpy(), rng)
        assert given.shape == wanted.shape == (recipe.batch, CONFIG.denoise_bands, recipe.frames)
        assert torch.isfinite(given).all()
        assert float(given.min()) >= 0
        assert (given.sum(dim=(1, 2)) > 0.3 * wanted.sum(dim=(1, 2))).all()


def test_nobody_may_speak(denoiser: Denoiser, tiny_corpus: Corpus) -> None:
    recipe, rng = replace(TINY, noise_alone=1.0), np.random.default_rng(3)
    pieces = prepare(recipe, tiny_corpus, denoiser, rng)
    given, wanted = draw_powers(recipe, *pieces, denoiser.weights.numpy(), rng)
    assert not wanted.any()
    assert given.any()


def test_what_is_nearly_clean_passes_whole_and_losing_it_counts(tiny_corpus: Corpus, tmp_path: Path) -> None:
    losses = []
    for weight in (1.0, 3.0):
        recipe = replace(TINY, noise_alone=0.0, nearly_clean=1.0, lost_voice=0.5, lost_whole=weight)
        trainer = DenoiserTrainer(recipe, tiny_corpus, tmp_path)
        pieces = trainer.speech, trainer.noise, trainer.weights
        given, wanted = draw_batch(recipe, *pieces, np.random.default_rng(3))
        assert torch.equal(given, wanted)
        assert given.any()
        losses.append(float(trainer._distances(given, wanted)[0].detach()))
    assert losses[1] == pytest.approx(3 * losses[0], rel=1e-3)
    given, wanted = draw_powers(replace(recipe, noise_alone=1.0), *pieces, np.random.default_rng(3))
    assert given.any()
    assert not wanted.any()


def test_pieces_give_way_to_others(denoiser: Denoiser) -> None:
    sounds = [np.random.default_rng(seed).standard_normal(8 * 320).astype(np.float32) for seed in range(5)]
    drawn = iter(sounds)
    pieces = Pieces(denoiser, lambda: next(drawn), 8, 3, "sound", voices=True)
    kept = pieces.powers.copy()
    pieces.renew()
    pieces.renew()
    alone = [powers_of(denoiser, sound / np.abs(sound).max()) for sound in sounds]
    for index, sound in enumerate((3, 4, 2)):
        np.testing.assert_allclose(pieces.powers[index], alone[sound], rtol=1e-3)
        assert (pieces.wanted[index] <= pieces.powers[index]).all()
    assert np.array_equal(pieces.powers[2], kept[2])
    with pytest.raises(StopIteration):
        pieces.renew()


def test_the_room_of_a_recording_is_not_wanted() -> None:
    rng = np.random.default_rng(5)
    room = 1e-4 * rng.uniform(0.7, 1.3, (100, 3))
    voice = np.zeros((100, 3))
    voice[20:60] = 0.01
    voice[90:] = -room[90:]  # digital silence
    wanted = without_background(torch.from_numpy(np.float32(room + voice))).numpy()
    assert wanted[:20].max() < 1e-6
    np.testing.assert_allclose(wanted[20:60], 0.01, rtol=0.02)
    assert torch.isfinite(without_background(torch.zeros(4, 2))).all()


def test_it_learns(tiny_corpus: Corpus, tmp_path: Path) -> None:
    trainer = DenoiserTrainer(TINY, tiny_corpus, tmp_path)
    losses = [trainer.train_step()["loudness"] for _ in range(TINY.steps)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


def test_a_run_resumes_and_its_denoiser_comes_into_weights(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--frames", "12", "--batch", "2", "--speech-pieces", "3", "--noise-pieces", "3"]
    run = ["train-denoiser", "--data", str(sounds), "--out", str(tmp_path / "run")]
    weights = tmp_path / "weights"
    shutil.copytree(shipped("base"), weights)
    assert thinline.main([*run, *sizes, "--start", str(weights), "--steps", "2"]) == 0
    assert thinline.main([*run, "--resume", "--steps", "4"]) == 0
    checkpoint = read_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert (checkpoint["step"], checkpoint["recipe"]["batch"], checkpoint["recipe"]["noise_pieces"]) == (4, 2, 3)
    assert (tmp_path / "run" / "log.csv").read_text().startswith("step,seconds,loudness,gain")
    before = load_file(weights / "model.safetensors")
    export = ["export", str(tmp_path / "run" / "checkpoint.pt"), str(weights)]
    assert thinline.main([*export, "--share", "0.5"]) == 1
    assert "is of a denoiser: it has no share of a decoder" in capsys.readouterr().err
    assert thinline.main(export) == 0
    after = load_file(open_weights(weights).file("model.safetensors"))
    assert (weights / KEPT).exists()
    for name, value in after.items():
        own = name.removeprefix("denoiser.")
        assert torch.equal(value, before[name] if own == name else checkpoint["denoiser"][own])
    assert not torch.equal(after["denoiser.last.bias"], before["denoiser.last.bias"])
    engine = load_engine("onnx", weights=weights)
    assert engine.model_id in capsys.readouterr().out


def test_a_checkpoint_of_something_else_is_named(tiny_corpus: Corpus, tmp_path: Path) -> None:
    trainer = DenoiserTrainer(TINY, tiny_corpus, tmp_path)
    torch.save({"recipe": {"preset": "base"}}, trainer.checkpoint)
    with pytest.raises(TrainingError, match="no denoiser's checkpoint: 'denoiser'"):
        trainer.resume()
    torch.save({"recipe": {"preset": "large"}}, trainer.checkpoint)
    with pytest.raises(TrainingError, match="of preset large, not base"):
        trainer.resume()


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"preset": "huge"}, {"learning_rate": -1.0}], ids=str)
def test_what_can_t_be_taught_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match=str(next(iter(wrong)).replace("_", " "))):
        replace(TINY, **wrong)

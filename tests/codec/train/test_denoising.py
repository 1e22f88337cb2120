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
from codec.engine import load_engine
from codec.train.adversary import KEPT
from codec.train.augment import Corpus, draw_noise, rms
from codec.train.checkpoint import read_checkpoint
from codec.train.denoising import DenoiseRecipe, DenoiserTrainer, draw_pair, prepare
from codec.train.errors import TrainingError
from codec.weights import open_weights, shipped

TINY = DenoiseRecipe(steps=60, batch=4, frames=24, speech_pieces=4, noise_pieces=4, warmup_steps=5)


def test_noise_is_finite_and_of_the_length(tiny_corpus: Corpus) -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        noise = draw_noise(tiny_corpus, rng, 4000)
        assert noise.shape == (4000,)
        assert noise.dtype == np.float32
        assert np.isfinite(noise).all()
        assert noise.any()


def test_a_pair_is_speech_and_the_same_in_noise(tiny_corpus: Corpus) -> None:
    recipe, rng = replace(TINY, noise_alone=0.0, nearly_clean=0.0), np.random.default_rng(3)
    speech, noise = prepare(recipe, tiny_corpus, rng)
    for _ in range(30):
        noisy, clean = draw_pair(recipe, speech, noise, rng)
        assert noisy.shape == clean.shape == (24 * 320,)
        assert np.abs(noisy).max() < 1
        assert -10 < 20 * np.log10(rms(clean) / rms(noisy - clean)) < 31


def test_nobody_may_speak(tiny_corpus: Corpus) -> None:
    recipe, rng = replace(TINY, noise_alone=1.0), np.random.default_rng(3)
    noisy, clean = draw_pair(recipe, *prepare(recipe, tiny_corpus, rng), rng)
    assert not clean.any()
    assert noisy.any()


def test_it_learns(tiny_corpus: Corpus, tmp_path: Path) -> None:
    trainer = DenoiserTrainer(TINY, tiny_corpus, tmp_path)
    losses = [trainer.train_step()["loudness"] for _ in range(TINY.steps)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


def test_a_run_resumes_and_its_denoiser_comes_into_weights(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--frames", "12", "--batch", "2", "--speech-pieces", "3", "--noise-pieces", "3"]
    run = ["train-denoiser", "--data", str(sounds), "--out", str(tmp_path / "run"), *sizes]
    weights = tmp_path / "weights"
    shutil.copytree(shipped("base"), weights)
    assert thinline.main([*run, "--start", str(weights), "--steps", "2"]) == 0
    assert thinline.main([*run, "--resume", "--steps", "4"]) == 0
    checkpoint = read_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert checkpoint["step"] == 4
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

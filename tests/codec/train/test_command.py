"""`thinline train` and `thinline export` from the command line."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import thinline
from codec.audiofile import write_audio
from codec.engine import load_engine
from codec.stream import StreamEncoder
from codec.train.adversary import KEPT
from codec.train.checkpoint import read_checkpoint
from codec.weights import shipped, write_manifest

SHORT = ["--frames", "8", "--batch", "2"]


def test_train_then_export_then_train_on(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["train", "--data", str(sounds), *SHORT]
    assert thinline.main([*run, "--out", str(tmp_path / "run"), "--steps", "2"]) == 0
    assert thinline.main([*run, "--out", str(tmp_path / "run"), "--steps", "3", "--resume"]) == 0
    assert thinline.main(["export", str(tmp_path / "run" / "checkpoint.pt"), str(tmp_path / "weights")]) == 0
    assert load_engine("onnx", weights=tmp_path / "weights").model_id in capsys.readouterr().out
    again = [*run, "--out", str(tmp_path / "again"), "--steps", "1", "--start", str(tmp_path / "weights")]
    assert thinline.main(again) == 0
    told = read_checkpoint(tmp_path / "again" / "checkpoint.pt")["recipe"]
    assert (told["continuous_steps"], told["batch"], told["frames"]) == (0, 2, 8)
    bare = ["train", "--data", str(sounds), "--out", str(tmp_path / "again"), "--resume"]
    assert thinline.main([*bare, "--steps", "2"]) == 0
    assert read_checkpoint(tmp_path / "again" / "checkpoint.pt")["recipe"] == told | {"steps": 2}


def test_how_likely_codes_are_is_taught_into_weights(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = shutil.copytree(shipped("base"), tmp_path / "weights")
    run = ["train-code-model", str(weights), "--data", str(sounds), "--minutes", "0.2", "--updates", "5"]
    assert thinline.main(run) == 0
    engine = load_engine("onnx", weights=weights)
    assert engine.model_id != load_engine("onnx").model_id
    assert f"model {engine.model_id}" in capsys.readouterr().out
    frame, frames = np.zeros(engine.config.hop, np.float32), 20
    silence = [row[0] for row in StreamEncoder(engine, 8).push(np.tile(frame, frames))[-1].codes]
    assert np.any(engine.code_model.networks.logit_weights != load_engine("onnx").code_model.networks.logit_weights)
    assert engine.code_model.decode(engine.code_model.encode(silence), 8) == tuple(silence)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--minutes", "0"], "minutes 0 is not above 0"),
        (["--updates", "-3"], "updates -3 is not above 0"),
        (["--speech", "nowhere"], "no audio files"),
    ],
)
def test_what_no_code_model_can_learn_from_is_named(
    arguments: list[str], text: str, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert thinline.main(["train-code-model", str(shipped("base")), "--data", str(sounds), *arguments]) == 1
    assert text in capsys.readouterr().err


def test_levels_that_come_out_too_loud_are_taken_back(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = shutil.copytree(shipped("base"), tmp_path / "weights")
    tensors = load_file(weights / "model.safetensors")
    tensors["decoder.correction.pointwise.bias"] += np.float32(1.0)
    save_file(tensors, weights / "model.safetensors", {"preset": "base"})
    write_manifest(weights, "base")
    assert thinline.main(["calibrate-levels", str(weights), "--data", str(sounds), "--clips", "2"]) == 0
    shown = capsys.readouterr().out
    engine = load_engine("onnx", weights=weights)
    assert f"model {engine.model_id}" in shown
    taken = [float(word) for word in shown.split("dB: ")[1].split(": model")[0].split()]
    assert len(taken) == engine.config.bands
    assert 2.0 < np.mean(taken) < 6.0  # most of the 4.3 that were added
    after = load_file(weights / "model.safetensors")
    changed = [name for name in tensors if not np.array_equal(tensors[name], after[name])]
    assert changed == ["decoder.correction.pointwise.bias"]


def test_what_no_level_can_be_measured_by_is_named(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["calibrate-levels", str(shipped("base")), "--data", str(sounds)]
    assert thinline.main([*run, "--clips", "0"]) == 1
    assert "clips 0 is not above 0" in capsys.readouterr().err
    (tmp_path / "silence").mkdir()
    write_audio(tmp_path / "silence" / "a.wav", np.zeros(24_000, np.float32))
    assert thinline.main([*run, "--speech", str(tmp_path / "silence")]) == 1
    assert "the speech is silence" in capsys.readouterr().err


def test_discriminators_are_exported_and_go_on_judging(sounds: Path, tmp_path: Path) -> None:
    run, weights = ["train", "--data", str(sounds), *SHORT, "--steps", "2"], tmp_path / "weights"
    first = ["--adversarial-from", "0", "--discriminators", "stft:256", "--discriminator-channels", "4"]
    assert thinline.main([*run, *first, "--out", str(tmp_path / "run")]) == 0
    assert thinline.main(["export", str(tmp_path / "run" / "checkpoint.pt"), str(weights)]) == 0
    assert thinline.main([*run, "--out", str(tmp_path / "again"), "--start", str(weights)]) == 0
    recipe = read_checkpoint(tmp_path / "again" / "checkpoint.pt")["recipe"]
    assert (recipe["discriminators"], recipe["discriminator_channels"]) == (("stft:256",), 4)
    wider = ["--discriminator-channels", "8", "--adversarial-from", "0", "--start", str(weights)]
    assert thinline.main([*run, "--out", str(tmp_path / "wider"), *wider]) == 0
    assert read_checkpoint(tmp_path / "wider" / "checkpoint.pt")["recipe"]["discriminator_channels"] == 8
    assert thinline.main([*run, "--out", str(tmp_path / "none")]) == 0
    assert thinline.main(["export", str(tmp_path / "none" / "checkpoint.pt"), str(weights)]) == 0
    assert not (weights / KEPT).exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--preset", "tiny"], "preset 'tiny' is not one of base, large"),
        (["--steps", "0"], "steps 0 is not above 0"),
        (["--threads", "0"], "threads 0 is not above 0"),
        (["--resume"], "no checkpoint at"),
        (["--adversarial-from", "0", "--discriminators", "stft:7"], "discriminator 'stft:7' is not"),
        (["--start", "nowhere"], "not a folder of weights"),
        (["--preset", "large", "--start", str(shipped("base"))], "has weights of preset base, not large"),
    ],
)
def test_train_says_what_it_cannot_do(
    arguments: list[str], text: str, sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert thinline.main(["train", "--data", str(sounds), "--out", str(tmp_path), *arguments]) == 1
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_is_saved(number: signal.Signals, sounds: Path, tmp_path: Path) -> None:
    command = ["train", "--data", str(sounds), *SHORT, "--out", str(tmp_path), "--steps", "1000000"]
    process = subprocess.Popen([sys.executable, "-m", "thinline", *command], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (tmp_path / "log.csv").exists():
        time.sleep(0.1)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert (tmp_path / "checkpoint.pt").exists()


def test_train_takes_the_layouts_of_public_corpora(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LibriTTS and VCTK nest speakers and keep texts beside the sound; DNS-Challenge splits noise and responses."""
    voice, noise = sounds / "speech" / "a" / "0.wav", sounds / "noise" / "a" / "0.wav"
    for source, place in (
        (voice, "LibriTTS/train-clean-100/103/1240/103_1240_000001_000000.wav"),
        (voice, "VCTK/wav48_silence_trimmed/p225/p225_001_mic1.wav"),
        (noise, "DNS/noise_fullband/fan.wav"),
        (sounds / "rir" / "a" / "0.wav", "DNS/impulse_responses/SLR26/simulated_rirs_48k/smallroom/Room001/1.wav"),
    ):
        (tmp_path / place).parent.mkdir(parents=True)
        shutil.copy(source, tmp_path / place)
    (tmp_path / "LibriTTS/train-clean-100/103/1240/103_1240_000001_000000.normalized.txt").write_text("a text")
    folders = {"speech": ("LibriTTS", "VCTK"), "noise": ("DNS/noise_fullband",), "rir": ("DNS/impulse_responses",)}
    given = [word for kind, names in folders.items() for word in (f"--{kind}", *(str(tmp_path / n) for n in names))]
    assert thinline.main(["train", *given, *SHORT, "--out", str(tmp_path / "run"), "--steps", "2"]) == 0
    assert thinline.main(["train", *given[:3], *SHORT, "--out", str(tmp_path / "run"), "--steps", "2"]) == 1
    assert "no folder of noise: give --data, or --noise" in capsys.readouterr().err


def test_train_wants_a_folder_of_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert thinline.main(["train", "--data", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "no audio files" in capsys.readouterr().err


def test_export_wants_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert thinline.main(["export", str(tmp_path / "none.pt"), str(tmp_path)]) == 1
    assert "no checkpoint at" in capsys.readouterr().err

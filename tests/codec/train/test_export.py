"""A checkpoint becomes weights that an engine loads, and that are the averaged generator."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from codec.engine import load_engine
from codec.train.augment import Corpus
from codec.train.checkpoint import read_checkpoint
from codec.train.errors import TrainingError
from codec.train.export import averaged, blended, export
from codec.train.generator import trained
from codec.train.loop import Trainer
from codec.weights import digest, open_weights, shipped, write_manifest
from tests.codec.train.test_loop import RECIPE


@pytest.fixture
def checkpoint(tiny_corpus: Corpus, tmp_path: Path) -> Path:
    trainer = Trainer(replace(RECIPE, steps=2, frames=8, batch=2, continuous_steps=100), tiny_corpus, tmp_path / "run")
    trainer.run()
    return trainer.checkpoint


def test_exported_weights_are_the_average(checkpoint: Path, tmp_path: Path) -> None:
    model = averaged(read_checkpoint(checkpoint), checkpoint)
    model_id = export(model, tmp_path / "weights")
    assert model_id == digest(tmp_path / "weights" / "model.safetensors")[:16]
    assert json.loads((tmp_path / "weights" / "manifest.json").read_text())["preset"] == "base"
    frame = np.random.default_rng(0).standard_normal(320).astype(np.float32) * 0.1
    for name in ("onnx", "torch"):
        engine = load_engine(name, weights=tmp_path / "weights")
        codes, _ = engine.encode(frame, 24, 0.0, engine.encoder_state())
        wanted = model.encode(torch.from_numpy(frame)[None, None], 24)[0, :, 0].numpy()
        assert np.array_equal(codes, wanted)


def test_a_decoder_is_blended_with_what_its_run_began_with(checkpoint: Path) -> None:
    before, model = open_weights(shipped("base")), averaged(read_checkpoint(checkpoint), checkpoint)
    own, old = copy.deepcopy(model), load_file(before.file("model.safetensors"))
    mixed = dict(blended(model, before, 0.75).named_parameters())
    for name, tensor in own.named_parameters():
        share = 0.75 if name.startswith(("decoder.", "quantizer.project_out.")) else 1.0
        torch.testing.assert_close(mixed[name], share * tensor + (1 - share) * old[name])
    whole = blended(copy.deepcopy(own), before, 0.75, everything=True).state_dict()
    assert not torch.equal(whole["quantizer.codebooks"], own.state_dict()["quantizer.codebooks"])
    for name, tensor in own.state_dict().items():
        mean = 0.75 * tensor + 0.25 * old[name] if tensor.is_floating_point() else tensor
        torch.testing.assert_close(whole[name], mean)
    with pytest.raises(TrainingError, match="share 0 is not above 0 and up to 1"):
        blended(model, before, 0.0)


def test_weight_normalisation_is_folded(checkpoint: Path) -> None:
    model = averaged(read_checkpoint(checkpoint), checkpoint)
    assert not any("parametrizations" in name for name in model.state_dict())


def test_weights_of_another_architecture_are_refused_in_a_line(tmp_path: Path) -> None:
    shutil.copytree(shipped("base"), tmp_path / "weights")
    tensors = load_file(tmp_path / "weights" / "model.safetensors")
    del tensors["denoiser.maps.first.bias"]
    save_file(tensors, tmp_path / "weights" / "model.safetensors", metadata={"preset": "base"})
    write_manifest(tmp_path / "weights", "base")
    with pytest.raises(TrainingError, match=r"do not fit this codec: Missing key.*maps.first.bias") as caught:
        trained(open_weights(tmp_path / "weights"))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"recipe": {"preset": "base"}, "average": {"steps": 1}}, tmp_path / "other.pt")
    with pytest.raises(TrainingError, match="does not fit this codec"):
        averaged(read_checkpoint(tmp_path / "other.pt"), tmp_path / "other.pt")

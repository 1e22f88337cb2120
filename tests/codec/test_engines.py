"""Every engine gives the reference's codes on real speech, with the shipped weights; where two entries of a deep
codebook are equally near, rounding may choose either."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from codec.audiofile import read_audio
from codec.engine import ENGINES, load_engine
from codec.engine.base import Codes, Engine, EngineError, Pcm
from codec.engine.torch import TorchEngine
from codec.weights import MANIFEST, shipped

SECONDS = 2


@pytest.fixture(scope="module")
def speech(heldout_speech: list[Path]) -> Pcm:
    return read_audio(heldout_speech[0])[: SECONDS * 24_000]


def encoded(engine: Engine, pcm: Pcm, n_q: int, denoise: float) -> list[Codes]:
    hop, state, codes = engine.config.hop, engine.encoder_state(), []
    for start in range(0, len(pcm) - hop + 1, hop):
        code, state = engine.encode(pcm[start : start + hop], n_q, denoise, state)
        codes.append(code)
    return codes


def decoded(engine: Engine, codes: list[Codes]) -> Pcm:
    state, sound = engine.decoder_state(), []
    for code in codes:
        frame, state = engine.decode(code, state)
        sound.append(frame)
    return np.concatenate(sound)


def is_tie(engine: TorchEngine, pcm: Pcm, denoise: float, frame: int, wanted: Codes, given: Codes) -> bool:
    """Whether the first two codes that differ lie equally far, to the last digits of float32, from what is left."""
    model, length = engine.model, (frame + 1) * engine.config.hop
    mode = torch.full((1, frame + 1), denoise)
    z, _ = model.encoder.step(torch.from_numpy(pcm[:length])[None, None], mode, engine.encoder_state())
    stage = int(np.argmax(wanted != given))
    books = model.quantizer.codebooks.double()
    left = model.quantizer.project_in(z)[0, :, -1].double()
    left = left - sum(books[q][int(wanted[q])] for q in range(stage))
    distances = [float((left - books[stage][int(code)]).norm()) for code in (wanted[stage], given[stage])]
    return abs(distances[0] - distances[1]) < 1e-4 * distances[0]


@pytest.mark.parametrize("denoise", [0.0, 0.4, 1.0], ids="denoise-{}".format)
@pytest.mark.parametrize("n_q", [1, 8, 24], ids="n_q-{}".format)
@pytest.mark.parametrize("name", [name for name in ENGINES if name != "torch"])
def test_an_engine_gives_the_references_codes(name: str, n_q: int, denoise: float, speech: Pcm) -> None:
    reference, engine = load_engine("torch"), load_engine(name)
    assert isinstance(reference, TorchEngine)
    wanted, given = (encoded(each, speech, n_q, denoise) for each in (reference, engine))
    differing = [i for i, pair in enumerate(zip(wanted, given, strict=True)) if not np.array_equal(*pair)]
    assert len(differing) <= 0.01 * len(wanted)
    assert all(is_tie(reference, speech, denoise, i, wanted[i], given[i]) for i in differing)
    pcm = decoded(engine, wanted)
    np.testing.assert_allclose(pcm, decoded(reference, wanted), rtol=0, atol=1e-5)
    assert float(np.abs(pcm).max()) > 0.01


@pytest.mark.parametrize("name", list(ENGINES))
def test_an_engine_describes_itself(name: str) -> None:
    engine = load_engine(name)
    assert engine.name == name
    assert engine.precision == "fp32"
    assert len(engine.model_id) == 16
    assert engine.config.preset == "base"


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match=r"'abacus' is not one of onnx, torch"):
        load_engine("abacus")


def test_a_preset_without_weights_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match="no weights of preset 'tiny' are shipped; there are: base"):
        load_engine(preset="tiny")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped("base"), tmp_path / "copy"))


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not a folder of weights"):
        load_engine(weights=tmp_path)


def test_a_damaged_manifest_is_refused(copied: Path) -> None:
    (copied / MANIFEST).write_text("{")
    with pytest.raises(EngineError, match="is damaged"):
        load_engine(weights=copied)


def test_a_manifest_of_an_unknown_preset_is_refused(copied: Path) -> None:
    manifest = json.loads((copied / MANIFEST).read_text())
    (copied / MANIFEST).write_text(json.dumps(manifest | {"preset": "tiny"}))
    with pytest.raises(EngineError, match="tiny"):
        load_engine(weights=copied)


@pytest.mark.parametrize("name", ["model.safetensors", "encoder.onnx", "decoder.onnx"])
def test_a_changed_file_is_refused(copied: Path, name: str) -> None:
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(EngineError, match=rf"{name} is damaged"):
        load_engine(weights=copied)


def test_a_missing_file_is_refused(copied: Path) -> None:
    (copied / "decoder.onnx").unlink()
    with pytest.raises(EngineError, match=r"decoder\.onnx is missing"):
        load_engine(weights=copied)

"""Every engine gives the reference's codes on real speech, with the shipped weights; where two entries of a deep
codebook are equally near, rounding may choose either."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from codec.audiofile import read_audio
from codec.engine import ENGINES, load_engine
from codec.engine.base import Codes, DecodeStep, EncodeStep, EngineError, Pcm
from codec.engine.torch import TorchEngine
from codec.highband import SHAPES, SHARES
from codec.weights import MANIFEST, shipped, write_manifest
from tests.codec.steps import after_the_same, as_tensor, decoded, encoded, left_to_code

SECONDS = 2


@pytest.fixture(autouse=True)
def _native_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it loses in its other precision: tests/codec/engine/test_native.py."""
    monkeypatch.setenv("THINLINE_NATIVE_PRECISION", "fp32")


@pytest.fixture(scope="module")
def speech(heldout_speech: list[Path]) -> Pcm:
    return read_audio(heldout_speech[0])[: SECONDS * 24_000]


def are_tied(engine: TorchEngine, left: torch.Tensor, wanted: Codes, given: Codes) -> bool:
    """Whether both codes lie about equally far from what is left to code, in the end or where they part: rounding
    decides which of two equal paths goes on, and where one path alone is kept, its last distance may differ."""

    def distance(codes: Codes) -> float:
        return float((left - engine.model.quantizer.entries(as_tensor(codes))[0]).norm())

    depths = (int(np.argmax(wanted != given)) + 1, len(wanted))
    pairs = [(distance(wanted[:depth]), distance(given[:depth])) for depth in depths]
    return any(abs(first - second) < 0.02 * first for first, second in pairs)


@pytest.mark.parametrize("denoise", [0.0, 0.4, 1.0], ids="denoise-{}".format)
@pytest.mark.parametrize("n_q", [1, 8, 24], ids="n_q-{}".format)
@pytest.mark.parametrize("name", [name for name in ENGINES if name != "torch"])
def test_an_engine_gives_the_references_codes(name: str, n_q: int, denoise: float, speech: Pcm) -> None:
    reference, engine = load_engine("torch"), load_engine(name)
    assert isinstance(reference, TorchEngine)
    assert engine.precision == "fp32"
    frames = speech.reshape(-1, engine.config.hop)
    given = encoded(engine, frames, n_q, denoise)
    wanted = after_the_same(reference, frames, given, denoise)
    differing = [i for i, pair in enumerate(zip(wanted, given, strict=True)) if not np.array_equal(*pair)]
    assert len(differing) <= 0.01 * len(wanted)
    left = left_to_code(reference, frames, given, denoise)
    assert all(are_tied(reference, left[i], wanted[i], given[i]) for i in differing)
    pcm = decoded(engine, given)
    np.testing.assert_allclose(pcm, decoded(reference, given), rtol=0, atol=2e-5)
    assert float(np.abs(pcm).max()) > 0.01


@pytest.mark.parametrize("name", list(ENGINES))
def test_a_step_for_many_gives_what_single_steps_give(name: str, speech: Pcm) -> None:
    """Streams of different sound, bitrate and mode; each frame another order and number of them."""
    engine, hop = load_engine(name), 320
    settings = [(1, 0.0), (8, 1.0), (24, 0.3), (4, 0.0), (8, 0.0)]
    frames = [speech[1000 * i :][: 12 * hop].reshape(-1, hop) for i in range(len(settings))]
    alone = [encoded(engine, frames[i], *setting) for i, setting in enumerate(settings)]
    heard = [decoded(engine, codes) for codes in alone]
    encoders = {i: engine.encoder_state() for i in range(len(settings))}
    decoders = {i: engine.decoder_state() for i in range(len(settings))}
    left = dict.fromkeys(range(len(settings)), 12)
    for turn in range(60):
        due = [i for i in left if left[i] and (turn + i) % (i + 1) == 0][:: 1 if turn % 2 else -1]
        at = [12 - left[i] for i in due]
        coded = engine.encode_many(
            [EncodeStep(frames[i][k], *settings[i], encoders[i]) for i, k in zip(due, at, strict=True)]
        )
        spoken = engine.decode_many([DecodeStep(alone[i][k], decoders[i]) for i, k in zip(due, at, strict=True)])
        for i, k, (codes, encoder), (pcm, decoder) in zip(due, at, coded, spoken, strict=True):
            assert np.array_equal(codes, alone[i][k])
            assert np.array_equal(pcm, heard[i][k])
            encoders[i], decoders[i], left[i] = encoder, decoder, left[i] - 1
    assert not any(left.values())


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "torch"])
def test_the_highest_band_is_measured_and_spread_as_in_the_reference(name: str, speech: Pcm) -> None:
    """Half of the streams of a batch have it spread as usual."""
    reference, engine = load_engine("torch"), load_engine(name)
    frames, states = speech.reshape(-1, 320), []
    for each in (reference, engine):
        state = each.encoder_state()
        assert not each.high_powers(state).any()
        for frame in frames:
            _, state = each.encode(frame, 4, 0.0, state)
        states.append(each.high_powers(state))
    assert states[0].min() > 0
    np.testing.assert_allclose(states[1], states[0], rtol=1e-3)
    codes, narrow = encoded(reference, frames, 4), SHARES[SHAPES.index((-3, -20, -28))]
    wanted, given = ([each.decoder_state() for _ in range(2)] for each in (reference, engine))
    heard = []
    for code in codes:
        steps = [DecodeStep(code, given[0]), DecodeStep(code, given[1], narrow)]
        alone = [reference.decode(code, wanted[0]), reference.decode(code, wanted[1], narrow)]
        batch = engine.decode_many(steps)
        for (pcm, _), (expected, _) in zip(batch, alone, strict=True):
            np.testing.assert_allclose(pcm, expected, rtol=0, atol=2e-5)
        wanted, given = ([state for _, state in results] for results in (alone, batch))
        heard.append([pcm for pcm, _ in batch])
    usual, cut = (np.abs(np.fft.rfft(np.concatenate(sound))) ** 2 for sound in zip(*heard, strict=True))
    above = len(usual) * 105 // 120
    assert cut[above:].sum() < 0.1 * usual[above:].sum()


@pytest.mark.parametrize("name", list(ENGINES))
def test_a_copied_state_leads_back(name: str, speech: Pcm) -> None:
    engine, frame = load_engine(name), speech[9600:9920]
    (codes, encoder), decoder = engine.encode(frame, 8, 0.0, engine.encoder_state()), engine.decoder_state()
    kept = copy.deepcopy((encoder, decoder))
    outcomes = [(engine.encode(frame, 8, 0.0, e)[0], engine.decode(codes, d)[0]) for e, d in ((encoder, decoder), kept)]
    assert np.array_equal(outcomes[0][0], outcomes[1][0])
    assert np.array_equal(outcomes[0][1], outcomes[1][1])


@pytest.mark.parametrize("name", list(ENGINES))
def test_an_engine_describes_itself(name: str) -> None:
    engine = load_engine(name)
    assert engine.name == name
    assert engine.precision == "fp32"
    assert len(engine.model_id) == 16
    assert engine.config.preset == "base"


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match=r"'abacus' is not one of native, onnx, torch"):
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


@pytest.mark.parametrize("name", list(ENGINES))
def test_weights_of_another_version_are_refused(copied: Path, name: str) -> None:
    """With fewer levels in codebooks, as before decision 30."""
    path = copied / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {"quantizer.codebooks": np.ascontiguousarray(tensors["quantizer.codebooks"][..., :48])}, path)
    write_manifest(copied, "base")
    with pytest.raises(EngineError, match=r"do not fit preset base: .*quantizer\.codebooks"):
        load_engine(name, weights=copied)


@pytest.mark.parametrize("name", list(ENGINES))
def test_weights_that_predict_nothing_are_refused(copied: Path, name: str) -> None:
    """As before decision 31."""
    path = copied / "model.safetensors"
    tensors = load_file(path)
    del tensors["quantizer.prediction"]
    save_file(tensors, path)
    write_manifest(copied, "base")
    with pytest.raises(EngineError, match=r"do not fit preset base: .*quantizer\.prediction"):
        load_engine(name, weights=copied)


def test_a_missing_file_is_refused(copied: Path) -> None:
    (copied / "decoder.onnx").unlink()
    with pytest.raises(EngineError, match=r"decoder\.onnx is missing"):
        load_engine(weights=copied)

"""The native engine: every instruction set that this processor has, in each precision, against the reference."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from codec.audiofile import read_audio
from codec.config import CodecConfig
from codec.engine import load_engine
from codec.engine.base import Codes, DecodeStep, EncodeStep, EngineError, EngineUnavailableError, Pcm
from codec.engine.codebooks import code_model_of
from codec.engine.native import PRECISIONS, NativeEngine, choose_set
from codec.engine.native.binding import instruction_sets, open_library
from codec.engine.native.build import LIBRARY
from codec.engine.torch import TorchEngine
from codec.entropy import CodeModel
from codec.weights import Weights, open_weights, shipped
from tests.codec.codemodels import random_networks
from tests.codec.steps import after_the_same, decoded, encoded

# What coarse weights may cost on real speech; docs/engine.md has what was measured.
LEAST_SNR_DB = {"bf16": 34.0, "int8": 24.0}
LEAST_EQUAL_CODES = {"bf16": 0.85, "int8": 0.75}  # one that rounding decides changes those after it

SETS = ("portable", "avx2", "avx512", "avx512bf16", "amx")
FRAMES = 75


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    try:
        return open_library(LIBRARY)
    except EngineUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=SETS)
def instruction_set(request: pytest.FixtureRequest, library: ctypes.CDLL) -> str:
    name = str(request.param)
    if not instruction_sets(library).get(name):
        pytest.skip(f"this processor does not have {name}")
    return name


@pytest.fixture(scope="module")
def exact(instruction_set: str) -> NativeEngine:
    return NativeEngine(open_weights(shipped("base")), "fp32", instruction_set)


@pytest.fixture(scope="module")
def quick(instruction_set: str) -> NativeEngine:
    return NativeEngine(open_weights(shipped("base")), "bf16", instruction_set)


@pytest.fixture(scope="module")
def small(instruction_set: str) -> NativeEngine:
    return NativeEngine(open_weights(shipped("base")), "int8", instruction_set)


@pytest.fixture
def engines(exact: NativeEngine, quick: NativeEngine, small: NativeEngine) -> dict[str, NativeEngine]:
    return {engine.precision: engine for engine in (exact, quick, small)}


@pytest.fixture(scope="module")
def speech(heldout_speech: list[Path]) -> Pcm:
    hop = CodecConfig().hop
    return read_audio(heldout_speech[3])[: FRAMES * hop].reshape(-1, hop)


@pytest.fixture(scope="module")
def wanted(speech: Pcm) -> tuple[list[Codes], Pcm]:
    """The reference's codes, and what it makes of them."""
    reference = load_engine("torch")
    codes = encoded(reference, speech)
    return codes, decoded(reference, codes)


def test_fp32_gives_the_references_codes_and_sound(
    exact: NativeEngine, speech: Pcm, wanted: tuple[list[Codes], Pcm]
) -> None:
    codes, pcm = wanted
    given, reference = encoded(exact, speech), load_engine("torch")
    assert isinstance(reference, TorchEngine)
    found = after_the_same(reference, speech, given)
    # Of two entries equally near, rounding may choose either; test_engines.py proves such ties to be ties.
    assert sum(np.array_equal(*pair) for pair in zip(given, found, strict=True)) >= 0.98 * len(codes)
    np.testing.assert_allclose(decoded(exact, codes), pcm, rtol=0, atol=1e-5)


def test_odd_codebooks_are_searched_as_well(instruction_set: str, speech: Pcm, tmp_path: Path) -> None:
    """Entries of all sizes, crowded, all the same, and with one far outside: what a coarse scan finds hard."""
    weights = open_weights(shipped("base"))
    tensors, rng = load_file(weights.file("model.safetensors")), np.random.default_rng(5)
    books = tensors["quantizer.codebooks"]
    normal = rng.standard_normal((4, *books.shape[1:])) * books[0].std()
    books[0] = normal[0] * 10 ** rng.uniform(-4, 1, (len(normal[0]), 1))
    books[1] = normal[1, 0] + 0.02 * normal[1]
    books[2] = 0
    books[3] = normal[3]
    books[3, 5] *= 1000
    save_file(tensors, tmp_path / "model.safetensors")
    odd = Weights(tmp_path, "odd", weights.config)
    native, reference = NativeEngine(odd, "fp32", instruction_set), TorchEngine(odd)
    for n_q in (4, 5, 8, 12):  # 16, 12, 8 and 5 paths
        given = np.array(encoded(native, speech, n_q))
        wanted = np.array(after_the_same(reference, speech, list(given)))
        assert len(np.unique(wanted[:, 0])) > 8
        assert (wanted[:, 2] == 0).all()
        assert (given == wanted).all(axis=1).mean() >= 0.98


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """Weights whose networks say odd things about codes."""
    weights, folder = open_weights(shipped("base")), tmp_path_factory.mktemp("doubtful")
    tensors = load_file(weights.file("model.safetensors"))
    tensors |= {f"quantizer.{name}": value for name, value in random_networks(4)._asdict().items()}
    save_file(tensors, folder / "model.safetensors")
    return Weights(folder, "doubtful", weights.config)


@pytest.mark.parametrize("odd", [False, True], ids=["shipped", "random"])
def test_every_machine_agrees_how_likely_codes_are(odd: bool, instruction_set: str, doubtful: Weights) -> None:
    weights, rng = doubtful if odd else open_weights(shipped("base")), np.random.default_rng(6)
    engine = NativeEngine(weights, "int8", instruction_set)
    reference = code_model_of(load_file(weights.file("model.safetensors")), CodeModel)
    for n_q in (*range(1, 25), 24):
        codes = rng.integers(0, 1024, n_q).tolist()
        assert engine.code_model.intervals(codes) == reference.intervals(codes)
        assert engine.code_model.decode(reference.encode(codes), n_q) == tuple(codes)


@pytest.mark.parametrize("codes", [[1024], [3, -1], [0] * 25])
def test_what_is_no_code_has_no_likelihood(codes: list[int], instruction_set: str, exact: NativeEngine) -> None:
    with pytest.raises(ValueError, match="are not all codes of this model"):
        exact.code_model.intervals(codes)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_coarse_weights_stay_within_their_tolerance(
    precision: str, engines: dict[str, NativeEngine], speech: Pcm, wanted: tuple[list[Codes], Pcm]
) -> None:
    (codes, pcm), engine = wanted, engines[precision]
    lost = np.square(decoded(engine, codes) - pcm).sum(axis=1)
    lost.sort()  # in one frame the postfilter may see another pitch
    assert 10 * np.log10(np.square(pcm).sum() / lost[:-1].sum()) > LEAST_SNR_DB[precision]
    given, reference = encoded(engine, speech, n_q=8), load_engine("torch")
    assert isinstance(reference, TorchEngine)
    equal = np.array(given) == np.array(after_the_same(reference, speech, given))
    assert equal.mean() > LEAST_EQUAL_CODES[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_stream_does_not_feel_the_others_in_its_batch(
    precision: str, engines: dict[str, NativeEngine], speech: Pcm
) -> None:
    """Every size of a batch, beyond the largest that is computed at a time; bit by bit."""
    engine = engines[precision]
    settings = [(1 + i % 24, (i % 5) / 4) for i in range(18)]
    sounds = [np.roll(speech, 5 * i, axis=0)[:2] for i in range(18)]
    alone = [encoded(engine, sound, *setting) for sound, setting in zip(sounds, settings, strict=True)]
    heard = [decoded(engine, codes) for codes in alone]
    for size in (1, 2, 3, 5, 8, 9, 16, 18):
        encoders = [engine.encoder_state() for _ in range(size)]
        decoders = [engine.decoder_state() for _ in range(size)]
        for frame in range(2):
            steps = [EncodeStep(sounds[i][frame], *settings[i], encoders[i]) for i in range(size)]
            coded = engine.encode_many(steps)
            spoken = engine.decode_many([DecodeStep(alone[i][frame], decoders[i]) for i in range(size)])
            for i in range(size):
                assert np.array_equal(coded[i][0], alone[i][frame])
                assert np.array_equal(spoken[i][0], heard[i][frame])


def test_a_stream_costs_less_than_it_may(engines: dict[str, NativeEngine]) -> None:
    for precision, limit in (("int8", 250_000), ("bf16", 250_000), ("fp32", 410_000)):
        engine = engines[precision]
        assert engine.encoder_state().memory.nbytes + engine.decoder_state().memory.nbytes < limit


def test_sound_far_too_loud_and_silence_stay_finite(engines: dict[str, NativeEngine]) -> None:
    hop = CodecConfig().hop
    frames = np.concatenate([np.full((2, hop), 1e4), np.zeros((2, hop)), np.full((2, hop), 1e-42)]).astype(np.float32)
    for engine in engines.values():
        assert np.isfinite(decoded(engine, encoded(engine, frames))).all()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (EncodeStep(np.zeros(319, np.float32), 8, 0.0, None), "a frame has 320 samples"),
        (EncodeStep(np.zeros(320, np.float32), 0, 0.0, None), r"n_q \d+ is outside 1\.\.24"),
        (EncodeStep(np.zeros(320, np.float32), 25, 0.0, None), r"n_q \d+ is outside 1\.\.24"),
        (DecodeStep(np.zeros(0, np.int16), None), r"their number is outside 1\.\.24"),
        (DecodeStep(np.zeros(25, np.int16), None), r"their number is outside 1\.\.24"),
        (DecodeStep(np.array([1024], np.int16), None), r"a code is outside 0\.\.1023"),
        (DecodeStep(np.array([-1], np.int16), None), r"a code is outside 0\.\.1023"),
        (DecodeStep(np.zeros(1, np.int16), None, np.ones(3, np.float32)), r"shares are float32 \(3,\)"),
        (DecodeStep(np.zeros(1, np.int16), None, np.ones(4)), r"shares are float64 \(4,\)"),
    ],
)
def test_what_would_reach_beyond_memory_is_refused(
    step: EncodeStep | DecodeStep, message: str, library: ctypes.CDLL
) -> None:
    engine = load_engine("native")
    if isinstance(step, EncodeStep):
        begun = step._replace(state=engine.encoder_state())
        ways: list[Callable[[], object]] = [lambda: engine.encode(*begun), lambda: engine.encode_many([begun])]
    else:
        due = step._replace(state=engine.decoder_state())
        ways = [lambda: engine.decode(*due), lambda: engine.decode_many([due])]
    for way in ways:
        with pytest.raises(ValueError, match=message):
            way()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_variables_choose(precision: str, monkeypatch: pytest.MonkeyPatch, library: ctypes.CDLL) -> None:
    monkeypatch.setenv("THINLINE_NATIVE_ISA", "portable")
    monkeypatch.setenv("THINLINE_NATIVE_PRECISION", precision)
    engine = load_engine("native")
    assert isinstance(engine, NativeEngine)
    assert (engine.instruction_set, engine.precision) == ("portable", precision)


@pytest.mark.parametrize("name", [None, "native"])
@pytest.mark.parametrize(
    ("variable", "value"), [("THINLINE_NATIVE_ISA", "abacus"), ("THINLINE_NATIVE_PRECISION", "f8")]
)
def test_a_setting_that_there_is_not_is_an_error(
    name: str | None, variable: str, value: str, monkeypatch: pytest.MonkeyPatch, library: ctypes.CDLL
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(EngineError, match=rf"{variable}: '{value}' is not one of"):
        load_engine(name)


def test_an_instruction_set_that_is_not_here_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match="this processor does not have fast"):
        choose_set({"fast": False, "slow": True}, "fast")
    assert choose_set({"fast": False, "slow": True}, None) == "slow"
    assert choose_set({"amx": True, "slow": True}, None, "fp32") == "slow"
    assert choose_set({"amx": True, "slow": True}, None, "int8") == "amx"


@pytest.mark.parametrize("content", [None, b"", b"\x7fELF"], ids=["missing", "empty", "damaged"])
def test_onnx_runs_where_the_library_cannot_be_loaded(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library = tmp_path / "libthinline.so"
    if content is not None:
        library.write_bytes(content)
    monkeypatch.setattr("codec.engine.native.LIBRARY", library)
    assert load_engine().name == "onnx"
    assert [record.message.partition(":")[0] for record in caplog.records] == ["engine onnx is used"]
    with pytest.raises(EngineError, match="native engine"):
        load_engine("native")


def test_a_library_of_other_sources_is_refused(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.engine.native.build.digest", lambda: "0" * 16)
    with pytest.raises(EngineUnavailableError, match="built from other sources"):
        open_library(LIBRARY)

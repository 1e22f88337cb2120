"""encode, decode and info on real speech, from the command line's own entrance."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import thinline
from codec.audiofile import SAMPLE_RATE, read_audio, write_audio
from codec.engine import load_engine
from codec.engine.base import Engine
from codec.packet import short_model_id
from codec.stream import StreamDecoder, StreamEncoder
from codec.tlfile import read_tl, write_tl

SAMPLES = 2 * SAMPLE_RATE + 7777  # two whole packets and a part of a third, which ends inside a frame
OTHER_MODEL = "beefbeefbeefbeef"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine()


@pytest.fixture(scope="module")
def speech(heldout_speech: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    write_audio(path, read_audio(heldout_speech[0])[:SAMPLES])
    return path


@pytest.fixture(scope="module")
def encoded(speech: Path) -> Path:
    path = speech.with_name("speech.tl")
    assert thinline.main(["encode", str(speech), str(path), "--bitrate", "6"]) == 0
    return path


@pytest.fixture(scope="module")
def decoded(encoded: Path) -> Path:
    path = encoded.with_name("decoded.wav")
    assert thinline.main(["decode", str(encoded), str(path)]) == 0
    return path


def levels_db(path: Path) -> NDArray[np.float64]:
    """RMS of every 20 ms, dB below full scale; nothing counts as quieter than -60."""
    blocks = read_audio(path)[: SAMPLES // 480 * 480].reshape(-1, 480).astype(np.float64)
    return np.maximum(10 * np.log10(np.mean(blocks**2, axis=1) + 1e-12), -60)


def test_decoded_speech_has_the_length_and_the_loudness_of_the_original(speech: Path, decoded: Path) -> None:
    assert len(read_audio(decoded)) == len(read_audio(speech)) == SAMPLES
    sent, heard = levels_db(speech), levels_db(decoded)
    assert abs(heard.max() - sent.max()) < 6
    assert np.corrcoef(sent, heard)[0, 1] > 0.8


def test_a_file_gives_the_sound_that_a_call_gives(
    engine: Engine, speech: Path, encoded: Path, decoded: Path
) -> None:
    """Frame by frame or second by second: the same codes, hence the same sound but for 16-bit rounding, and for how the
    highest band is spread, which a file says once a second."""
    encoder, decoder = StreamEncoder(engine, engine.config.n_q(6)), StreamDecoder(engine)
    known = iter([packet.high_band for packet in read_tl(encoded).packets])
    heard = []
    for packet in encoder.push(read_audio(speech)) + encoder.flush():
        decoder.push(replace(packet, high_band=next(known) if packet.frame_index % 75 == 0 else None))
        heard.append(decoder.pull(packet.frames))
    live = np.clip(np.concatenate(heard)[:SAMPLES], -1, 1)
    np.testing.assert_allclose(read_audio(decoded), live, atol=1e-4)


@pytest.mark.parametrize("bitrate", [0.75, 3, 18], ids="{}-kbps".format)
def test_a_bitrate_is_what_the_file_has(engine: Engine, speech: Path, tmp_path: Path, bitrate: float) -> None:
    path = tmp_path / "speech.tl"
    assert thinline.main(["encode", str(speech), str(path), "--bitrate", f"{bitrate:g}"]) == 0
    file = read_tl(path)
    assert {packet.n_q for packet in file.packets} == {engine.config.n_q(bitrate)}
    assert [packet.frames for packet in file.packets[:2]] == [75, 75]
    assert (file.samples, file.model_id) == (SAMPLES, engine.model_id)
    payload_bits = sum(packet.payload_bits - 8 * (packet.high_band is not None) for packet in file.packets)
    assert payload_bits == round(bitrate * 1000 * file.frames / engine.config.frame_rate)


def test_denoised_speech_says_so(speech: Path, encoded: Path, tmp_path: Path) -> None:
    path = tmp_path / "clean.tl"
    assert thinline.main(["encode", str(speech), str(path), "--denoise"]) == 0
    assert all(packet.denoised for packet in read_tl(path).packets)
    assert not any(packet.denoised for packet in read_tl(encoded).packets)


def test_encode_and_decode_say_what_they_did(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, wav = tmp_path / "speech.tl", tmp_path / "out.wav"
    thinline.main(["encode", str(speech), str(path), "--bitrate", "4.5"])
    thinline.main(["decode", str(path), str(wav)])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{path}: 2.32 s, 4.5 kbit/s, {path.stat().st_size:,} bytes, RTF ")
    assert second.startswith(f"{wav}: 2.32 s, 4.5 kbit/s, {wav.stat().st_size:,} bytes, RTF ")


def test_an_impossible_bitrate_names_the_possible_ones(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert thinline.main(["encode", str(speech), str(tmp_path / "x.tl"), "--bitrate", "5"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("thinline: bitrate 5 kbit/s is not one of 0.75, 1.5, ")
    assert shown.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_the_input_is_never_overwritten(
    command: str, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "same.wav"
    path.write_bytes(speech.read_bytes())
    link = tmp_path / "link.wav"
    link.symlink_to(path)
    assert thinline.main([command, str(path), str(link)]) == 1
    assert "this is the input" in capsys.readouterr().err
    assert path.read_bytes() == speech.read_bytes()


def test_a_file_of_another_model_is_refused_with_both_names(
    engine: Engine, encoded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = read_tl(encoded)
    packets = tuple(replace(packet, model_id=short_model_id(OTHER_MODEL)) for packet in file.packets)
    path = tmp_path / "other.tl"
    write_tl(path, replace(file, model_id=OTHER_MODEL, packets=packets))
    assert thinline.main(["decode", str(path), str(tmp_path / "out.wav")]) == 1
    shown = capsys.readouterr().err
    assert OTHER_MODEL in shown
    assert engine.model_id in shown
    assert not (tmp_path / "out.wav").exists()


@pytest.fixture
def damaged(encoded: Path, tmp_path: Path) -> Path:
    """The last few bytes are missing: two whole packets are left."""
    path = tmp_path / "damaged.tl"
    path.write_bytes(encoded.read_bytes()[:-9])
    return path


def test_a_damaged_file_is_refused(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = damaged.with_name("out.wav")
    assert thinline.main(["decode", str(damaged), str(out)]) == 1
    assert "damaged.tl: ends at byte" in capsys.readouterr().err
    assert not out.exists()


def test_salvage_gives_the_sound_before_the_damage(
    damaged: Path, decoded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = damaged.with_name("out.wav")
    assert thinline.main(["decode", str(damaged), str(out), "--salvage"]) == 0
    assert "decoded what stands before it" in capsys.readouterr().err
    np.testing.assert_array_equal(read_audio(out), read_audio(decoded)[: 2 * SAMPLE_RATE])


def test_salvage_of_nothing_is_an_error(encoded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "header.tl"
    path.write_bytes(encoded.read_bytes()[:40])
    assert thinline.main(["decode", str(path), str(tmp_path / "out.wav"), "--salvage"]) == 1
    assert "nothing to salvage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["encode", "missing.wav", "out.tl"], "missing.wav: no such file"),
        (["encode", "text.txt", "out.tl"], "text.txt: "),
        (["encode", "speech.wav", "nowhere/out.tl"], "nowhere/out.tl: there is no folder nowhere"),
        (["decode", "missing.tl", "out.wav"], "missing.tl: No such file or directory"),
        (["decode", "speech.wav", "out.wav"], "speech.wav: not a .tl file"),
        (["decode", "speech.tl", "out.mp3"], "out.mp3: sound is written as WAV only"),
        (["info", "speech.wav"], "speech.wav: not a .tl file"),
        (["info", "missing.tl"], "missing.tl: No such file or directory"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line_and_leave_nothing_behind(
    encoded: Path,
    speech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    (tmp_path / "speech.wav").write_bytes(speech.read_bytes())
    (tmp_path / "speech.tl").write_bytes(encoded.read_bytes())
    (tmp_path / "text.txt").write_text("not sound")
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    assert thinline.main(arguments) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"thinline: {said}")
    assert shown.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_info_describes_a_file(engine: Engine, encoded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert thinline.main(["info", str(encoded)]) == 0
    shown = capsys.readouterr().out
    facts = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.splitlines()}
    total_bps = round(8 * encoded.stat().st_size / (175 / 75))
    said = 8 * sum(packet.high_band is not None for packet in read_tl(encoded).packets)
    assert said > 0
    assert facts == {
        "seconds": "2.324",
        "samples": "55,777 at 24,000 Hz",
        "bitrate": "6 kbit/s",
        "packets": "3 with 175 frames",
        "model": f"id {engine.model_id}",
        "denoised": "no",
        "payload": f"{round(6000 + said / (175 / 75)):,} bit/s",
        "total": f"{total_bps:,} bit/s, headers and checksums included",
        "damage": "none",
    }


def test_info_reports_damage_and_fails(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert thinline.main(["info", str(damaged)]) == 1
    shown = capsys.readouterr().out
    assert "2 with 150 frames" in shown
    assert "ends at byte" in shown


@pytest.mark.parametrize("name", ["native", "onnx", "torch"])
def test_info_describes_the_codec(name: str, engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert thinline.main(["info", "--engine", name]) == 0
    shown = capsys.readouterr().out
    for text in (name, engine.model_id, engine.config.preset, "0.75 to 18 kbit/s", "encoder", "onnxruntime"):
        assert text in shown


def test_no_command_of_a_listener_loads_torch(encoded: Path, speech: Path, tmp_path: Path) -> None:
    code = f"""
import sys, thinline
assert thinline.main(["encode", {str(speech)!r}, "x.tl"]) == 0
assert thinline.main(["decode", "x.tl", "x.wav"]) == 0
assert thinline.main(["info", "x.tl"]) == 0
assert thinline.main(["info"]) == 0
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""The command, up to the point where a call begins; calls themselves are in test_call_end_to_end.py."""

from __future__ import annotations

import argparse
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from client.commands import call
from client.errors import CallError
from codec.audiofile import AudioFileError
from codec.config import BitrateError


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "in.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(np.ones(2400, np.int16).tobytes())
    return path


def parse(*arguments: str | Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    call.add_arguments(parser)
    return parser.parse_args([str(argument) for argument in arguments])


def test_a_bitrate_that_is_none_names_those_that_are(wav: Path) -> None:
    with pytest.raises(BitrateError, match=r"7 kbit/s is not one of 0\.75, 1\.5, .*, 18"):
        call.run(parse("--room", "r", "--wav", wav, "--bitrate", "7"))


def test_sound_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"none\.wav"):
        call.run(parse("--room", "r", "--wav", tmp_path / "none.wav"))
    (tmp_path / "text.wav").write_text("this is no sound")
    with pytest.raises(AudioFileError, match=r"text\.wav"):
        call.run(parse("--room", "r", "--wav", tmp_path / "text.wav"))


@pytest.mark.parametrize("option", ["--record", "--json"])
def test_a_folder_that_is_not_there_is_told_before_the_call(wav: Path, tmp_path: Path, option: str) -> None:
    with pytest.raises(CallError, match="no folder"):
        call.run(parse("--room", "r", "--wav", wav, option, tmp_path / "none" / "out.wav"))


def test_a_recording_is_a_wav_file(wav: Path, tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"out\.mp3"):
        call.run(parse("--room", "r", "--wav", wav, "--record", tmp_path / "out.mp3"))


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "soon"])
def test_a_limit_that_is_none(wav: Path, seconds: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--room", "r", "--wav", wav, "--seconds", seconds)
    assert caught.value.code == 2


def test_a_call_that_fails_leaves_an_older_recording_and_still_writes_json(wav: Path, tmp_path: Path) -> None:
    recording, summary = tmp_path / "out.wav", tmp_path / "out.json"
    recording.write_bytes(b"older")
    server = "http://127.0.0.1:1"
    with pytest.raises(CallError, match="no server answers"):
        call.run(parse("--room", "r", "--wav", wav, "--record", recording, "--json", summary, "--server", server))
    assert recording.read_bytes() == b"older"
    report = json.loads(summary.read_text())
    assert report["outcome"] == "failed"
    assert report["error"].startswith("no server answers")
    assert report["recording"] is None

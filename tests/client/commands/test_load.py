"""The command, up to the point where calls begin; calls themselves are in test_load_end_to_end.py."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

import thinline
from client.commands import load


def parse(*arguments: str | Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    load.add_arguments(parser)
    return parser.parse_args([str(argument) for argument in arguments])


def test_there_is_no_default_server(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--calls", "2")
    assert caught.value.code == 2
    assert "--server" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--calls", "0", "0 is not a whole number from 1 up"),
        ("--calls", "two", "two is not a whole number"),
        ("--seconds", "0", "0 is no time"),
        ("--seconds", "inf", "inf is not a number from 0 up"),
        ("--ramp", "-1", "-1 is not a number from 0 up"),
        ("--ramp", "x", "x is no number"),
        ("--max-loss", "101", "101 is more than 100 percent"),
        ("--processes", "0", "0 is not a whole number"),
    ],
)
def test_bad_usage_is_named(option: str, value: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--server", "http://localhost:1", option, value)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--server", "localhost"], "'localhost' is no server address"),
        (["--impair", "loss=300"], "loss=300 is outside 0..100"),
        (["--impair", "fog=3"], "'fog=3' is no impairment"),
        (["--bitrate", "7"], "7 kbit/s is not one of"),
        (["--wav", "none.wav"], "none.wav: no such file"),
        (["--html", "none/report.html"], "none/report.html: there is no folder none"),
        (["--json", "none/report.json"], "there is no folder none"),
        (["--server-pid", "4194304999"], "process 4194304999 can't be watched"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_is_one_line_before_anything_begins(
    options: list[str],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    server = [] if "--server" in options else ["--server", "http://127.0.0.1:1"]
    assert thinline.main(["load", *server, *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith("thinline: ")
    assert complaint in error
    assert error.count("\n") == 1

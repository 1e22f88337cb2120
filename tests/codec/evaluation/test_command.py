"""`thinline evaluate` from the command line's own entrance, with the metric that `make test` installs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import thinline
from codec.evaluation.metrics import METRICS


def evaluate(*arguments: object) -> int:
    return thinline.main(["evaluate", *map(str, arguments)])


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out") / "out.json"


@pytest.fixture(scope="module")
def evaluated(data: Path, earlier: Path) -> dict[str, Any]:
    out = earlier
    options = ["--bitrates", "3,6", "--peers", "opus,lyra", "--opus-bitrates", "12", "--denoise-snrs", "0,10"]
    options += ["--metrics", "stoi", "--max-clips", "2", "--max-seconds", "1", "--processes", "2"]
    assert evaluate("--data", data, "--noise", data / "noise", "--json", out, *options) == 0
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def test_every_kind_is_reported(evaluated: dict[str, Any]) -> None:
    summary = {(row["kind"], row["system"], row["bitrate_kbps"], row["setting"]): row for row in evaluated["summary"]}
    for kind in ("speech", "music", "noisy speech, 10 dB"):
        assert {("thinline", 3), ("thinline", 6), ("opus", 12)} == {key[1:3] for key in summary if key[0] == kind}
    for snr in ("clean", "0 dB", "10 dB"):
        rows = [key[1:] for key in summary if key[0] == f"denoising, {snr}"]
        assert rows == [("input", 0, ""), ("thinline", 6, "denoise off"), ("thinline", 6, "denoise on")]
    assert {row["clips"] for key, row in summary.items() if key[0] != "music"} == {2}
    assert summary["music", "opus", 12, ""]["figures"] == {}  # STOI is for speech


def test_bits_are_counted_from_packets(evaluated: dict[str, Any]) -> None:
    for row in evaluated["summary"]:
        if row["system"] == "thinline":
            assert 0.4 * row["bitrate_kbps"] < row["payload_kbps"] < 1.6 * row["bitrate_kbps"]  # clips of a second
            assert row["packet_kbps"] == pytest.approx(row["payload_kbps"] + 12 * 8 * 75 / 1000)
        elif row["system"] == "opus":
            assert 7 < row["payload_kbps"] < 17


def test_a_constant_bitrate_is_met(data: Path, tmp_path: Path) -> None:
    options = ["--bitrates", "3,6", "--peers", "", "--metrics", "stoi", "--max-clips", "1", "--max-seconds", "1"]
    assert evaluate("--data", data, "--constant-bitrate", "--json", tmp_path / "constant.json", *options) == 0
    summary = json.loads((tmp_path / "constant.json").read_text())["summary"]
    assert summary
    for row in summary:  # but for what is said on the highest band
        assert 1 <= row["payload_kbps"] / row["bitrate_kbps"] < 1.03


def test_figures_are_plausible_and_paired(evaluated: dict[str, Any]) -> None:
    means = {
        (row["kind"], row["system"], row["bitrate_kbps"]): row["figures"].get("stoi") for row in evaluated["summary"]
    }
    assert means["denoising, clean", "input", 0]["mean"] == pytest.approx(1)
    assert 0.4 < means["speech", "thinline", 3]["mean"] < means["speech", "opus", 12]["mean"] < 1
    (entry,) = [
        entry
        for entry in evaluated["differences"]
        if (entry["first"]["kind"], entry["first"]["bitrate_kbps"]) == ("speech", 3)
    ]
    expected = means["speech", "thinline", 3]["mean"] - means["speech", "opus", 12]["mean"]
    assert entry["mean"] == pytest.approx(expected, abs=1e-3)


def test_what_is_left_out_is_named(evaluated: dict[str, Any]) -> None:
    assert evaluated["absent"] == {"lyra": "no folder with its weights is given (--lyra)"}
    assert [model["preset"] for model in evaluated["about"]["weights"]] == ["base"]


def test_others_scores_are_taken_from_an_earlier_evaluation(
    evaluated: dict[str, Any], earlier: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--bitrates", "12", "--peers", "", "--metrics", "stoi", "--max-clips", "2", "--max-seconds", "1"]
    assert evaluate("--data", data / "speech", "--with", earlier, *options, "--processes", "1") == 0
    shown = capsys.readouterr().out
    assert "| thinline 12 |" in shown
    assert "| opus 12     |" in shown
    assert "thinline 6 " not in shown


def test_a_metric_that_is_not_installed_is_absent_and_the_rest_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(METRICS, "pesq", replace(METRICS["pesq"], packages=("no_such_package",)))
    options = ["--bitrates", "6", "--peers", "", "--metrics", "pesq,stoi", "--max-clips", "1", "--processes", "1"]
    options += ["--constant-bitrate"]
    assert evaluate("--data", data / "speech", "--json", tmp_path / "out.json", *options) == 0
    captured = capsys.readouterr()
    assert "pesq is left out: not installed: no_such_package" in captured.err
    assert re.search(r"\| thinline 6 \| 6\.\d\d   \| 0\.", captured.out)
    assert json.loads((tmp_path / "out.json").read_text())["absent"] == {"pesq": "not installed: no_such_package"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--data", "nowhere"], "nowhere: no such folder"),
        (["--noise", "nowhere"], "nowhere: no such folder"),
        (["--bitrates", "5"], "bitrate 5 kbit/s is not one of 0.75"),
        (["--bitrates", "three"], "bitrates 'three' are not numbers"),
        (["--opus-bitrates", "3"], "Opus has no 3 kbit/s, only 6 to 510"),
        (["--peers", "speex"], "peer 'speex' is not one of opus, lyra"),
        (["--metrics", "taste"], "metric 'taste' is not one of"),
        (["--weights", "nowhere"], "nowhere has no manifest.json"),
        (["--mushra", "test", "--bitrates", "3,6,9,12,15,18"], "would have 13 sounds"),
        (["--max-clips", "0"], "--max-clips 0 is below 1"),
        (["--max-seconds", "0.1"], "--max-seconds 0.1 is below 0.5"),
        (["--json", "nowhere/out.json"], "nowhere/out.json: there is no folder nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(
    data: Path, options: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--data", data / "speech", *options) == 1
    assert text in capsys.readouterr().err


def test_only_a_listening_test_measures_nothing(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--bitrates", "3,6", "--opus-bitrates", "12", "--max-seconds", "1", "--processes", "2", "--listen", "2"]
    assert evaluate("--data", data, "--mushra", tmp_path / "test", *options) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'test' / 'index.html'}: 3 clips to judge\n"
    assert sorted(path.name for path in (tmp_path / "test" / "sounds").iterdir()) == ["1.js", "2.js", "3.js"]


def test_report_and_pictures_come_with_the_figures(data: Path, tmp_path: Path) -> None:
    options = [
        "--bitrates",
        "6",
        "--opus-bitrates",
        "12",
        "--metrics",
        "stoi",
        "--max-clips",
        "1",
        "--denoise-snrs",
        "5",
    ]
    out = ["--html", tmp_path / "report.html", "--pictures", tmp_path / "pictures"]
    assert evaluate("--data", data / "speech", "--noise", data / "noise", *out, *options, "--processes", "2") == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 3
    assert page.count("<audio") == 3 + 3 + 4 + 4  # each kind's original and what became of it
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "denoising.png", "noisy-speech.png", "speech.png",
    ]  # fmt: skip


def test_a_sound_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    assert evaluate("--data", tmp_path, "--metrics", "stoi", "--processes", "1") == 1
    assert "broken.wav: not a readable sound file" in capsys.readouterr().err

"""The benchmark's form; its figures are the machine's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import thinline
from codec.bench.streams import Held
from codec.engine import ENGINES
from codec.engine.base import Engine

SHORT = ["--seconds", "0.2"]


def bench(out: Path, *options: str) -> dict[str, Any]:
    assert thinline.main(["bench", *SHORT, *options, "--json", str(out)]) == 0
    report: dict[str, Any] = json.loads(out.read_text())
    return report


def test_every_row_has_all_parts_and_the_floor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = bench(tmp_path / "bench.json", "--engines", "onnx", "torch", "--presets", "base")
    assert [(row["engine"], row["precision"], row["weights"]) for row in report["results"]] == [
        ("onnx", "fp32", "shipped"),
        ("torch", "fp32", "shipped"),
    ]
    for row in report["results"]:
        for part in ("encode", "search", "decode", "step"):
            assert 0 < row[f"{part}_ms"]["median"] <= row[f"{part}_ms"]["p99"]
        assert row["rtf"] == pytest.approx(row["step_ms"]["median"] / (1000 / 75))
        assert row["cpu_ms"] > 0
        assert row["floor_ratio"] == pytest.approx(row["step_ms"]["median"] / sum(row["floor_ms"].values()))
    assert [peer["name"] for peer in report["peers"]] == ["Opus 12 kbit/s"]
    assert report["machine"]["peak_gmac_s"]["fp32"] > 0
    assert report["streams"] == []
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert "RTF" in capsys.readouterr().out


def test_by_default_all_engines_run_and_torch_is_a_peer(tmp_path: Path) -> None:
    report = bench(tmp_path / "bench.json", "--presets", "base")
    measured = {row["engine"] for row in report["results"]}
    assert "onnx" in measured
    assert measured <= set(ENGINES) - {"torch"}
    assert [peer["name"] for peer in report["peers"]] == ["Opus 12 kbit/s", "PyTorch eager, base"]


def test_a_preset_without_weights_gets_random_ones(tmp_path: Path) -> None:
    report = bench(tmp_path / "bench.json", "--engines", "onnx", "--presets", "large")
    (row,) = report["results"]
    assert row["preset"] == "large"
    assert row["weights"] in ("random", "shipped")


def test_streams_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.bench.streams.TRIAL_SECONDS", 0.2)
    options = ["--engines", "onnx", "--presets", "base", "--streams", "--stream-seconds", "0.3"]
    (row,) = bench(tmp_path / "bench.json", *options)["streams"]
    assert row["engine"] == "onnx"
    assert row["count"] >= 1
    assert row["seconds"] == 0.3
    assert 0 <= row["missed"] <= row["frames"] == row["count"] * round(0.3 * 75)


def test_an_interrupted_search_for_streams_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def once(engine: Engine, n_q: int, seconds: float) -> list[Held]:
        if engine.name == "torch":
            raise KeyboardInterrupt
        return [Held(3, seconds, 1, 0, 30)]

    monkeypatch.setattr("codec.commands.bench.most_streams", once)
    out = tmp_path / "bench.json"
    options = [*SHORT, "--engines", "onnx", "torch", "--presets", "base", "--streams", "--json", str(out)]
    assert thinline.main(["bench", *options]) == 130
    report = json.loads(out.read_text())
    assert [row["engine"] for row in report["results"]] == ["onnx", "torch"]
    assert [row["count"] for row in report["streams"]] == [3]
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--engines", "abacus"], "'abacus' is not one of"),
        (["--n-q", "25"], "n_q 25 is outside 1..24"),
        (["--seconds", "0"], "0 seconds is no time"),
        (["--stream-seconds", "nan"], "nan seconds is no time"),
        (["--json", "none/bench.json"], "there is no folder none"),
        (["--engines", "onnx", "--precisions", "int8"], "no engine of onnx computes in int8"),
    ],
)
def test_bench_refuses_what_it_cannot_measure(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert thinline.main(["bench", *arguments]) == 1
    assert text in capsys.readouterr().err

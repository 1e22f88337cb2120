"""The benchmark's form; its figures are the machine's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import thinline


def test_bench_writes_a_row_for_each_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench.json"
    assert thinline.main(["bench", "--seconds", "0.2", "--json", str(out)]) == 0
    results = json.loads(out.read_text())["results"]
    assert [row["engine"] for row in results] == ["native", "onnx", "torch"]
    for row in results:
        assert 0 < row["step_ms"]["median"] <= row["step_ms"]["p99"]
        assert row["rtf"] == pytest.approx(row["step_ms"]["median"] / (1000 / 75))
    assert "RTF" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--engines", "abacus"], "'abacus' is not one of"),
        (["--n-q", "25"], "n_q 25 is outside 1..24"),
        (["--seconds", "0"], "0 seconds is no time"),
    ],
)
def test_bench_refuses_what_it_cannot_measure(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert thinline.main(["bench", *arguments]) == 1
    assert text in capsys.readouterr().err

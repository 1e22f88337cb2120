"""Each metric that is installed: best for the original, worse for what is worse."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from codec.engine.base import Pcm
from codec.evaluation.errors import EvaluationError
from codec.evaluation.metrics import METRICS, dnsmos_windows, parse_metrics
from codec.evaluation.pair import Pair

INSTALLED = [name for name, metric in METRICS.items() if not metric.missing]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_noise_lowers_every_figure_that_sees_it(name: str, speech: Pcm) -> None:
    metric = METRICS[name]
    if metric.missing:
        pytest.skip(f"not installed: {', '.join(metric.missing)}")
    measure = metric.load()
    noise = np.random.default_rng(0).standard_normal(len(speech)).astype(np.float32)
    clean, noisy = (measure(Pair(speech, speech + level * noise)) for level in (0, 0.05))
    assert len(clean) == len(metric.titles)
    assert clean[-1] > noisy[-1] + 0.05
    if name in ("visqol", "a16"):
        assert clean[0] == pytest.approx(4.73, abs=0.01)
    if name == "pesq":
        assert clean[0] == pytest.approx(4.644, abs=0.001)


@pytest.mark.parametrize(("seconds", "windows"), [(1, 7), (5, 1), (9.1, 1), (12, 3)])
def test_dnsmos_hears_windows_of_nine_seconds(seconds: float, windows: int) -> None:
    found = dnsmos_windows(np.zeros(int(16_000 * seconds)))
    assert {len(window) for window in found} == {144_160}
    assert len(found) == windows


@pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("speechmos", "librosa", "requests")),
    reason="speechmos and what it needs are not installed",
)
def test_dnsmos_is_what_its_own_package_says(speech: Pcm) -> None:
    from speechmos import dnsmos

    pair = Pair(speech, speech)
    theirs = dnsmos.run(pair.at(16_000)[1].clip(-1, 1), sr=16_000)
    ours = METRICS["dnsmos"].load()(pair)
    assert ours == pytest.approx([theirs[name] for name in ("sig_mos", "bak_mos", "ovrl_mos")], abs=1e-4)


def test_metrics_are_named() -> None:
    assert [metric.name for metric in parse_metrics("stoi, pesq,stoi")] == ["stoi", "pesq"]
    with pytest.raises(EvaluationError, match="metric 'loudness' is not one of visqol, a16, pesq"):
        parse_metrics("loudness")
    with pytest.raises(EvaluationError, match="no metric is named"):
        parse_metrics(",")

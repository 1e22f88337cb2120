"""The HTML report: whole, self-contained, and of what was measured."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from codec.engine.base import Pcm
from codec.evaluation.charts import bitrate_chart, save, spectrogram
from codec.evaluation.clips import SPEECH, Clip
from codec.evaluation.document import Document
from codec.evaluation.report import write_report
from codec.evaluation.runner import Job, Outcome
from codec.evaluation.scores import Condition, Score, Table

OURS, OPUS = Condition(SPEECH, "thinline", 6), Condition(SPEECH, "opus", 12)
OFF, ON = (Condition("denoising, 5 dB", "thinline", 6, f"denoise {setting}") for setting in ("off", "on"))
INPUT = Condition("denoising, 5 dB", "input", 0)
PESQ = {OURS: 2.5, OPUS: 3.0, OFF: 1.2, ON: 1.6, INPUT: 1.1}


class Checker(HTMLParser):
    """Every element that needs closing is closed in order; what the page would load is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Drawn shapes close themselves."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path: Path, speech: Pcm) -> str:
    clips = {"a": 0.0, "b": 0.1, "<i>c": 0.3}
    scores = [
        Score(clip, condition, 2.0, condition.bitrate_kbps, condition.bitrate_kbps, 0, 0, {"pesq": value + bonus})
        for condition, value in PESQ.items()
        for clip, bonus in clips.items()
    ]
    document = Document({"made": "today"}, {"stoi": "not installed: pystoi"}, ["thinline"], Table(scores))
    job = Job(Clip("<i>c", SPEECH, Path("c")), listen=True)
    heard = Outcome(job, [], speech, {OURS: speech, OPUS: speech[:40_000]})
    write_report(tmp_path / "report.html", document, [heard, Outcome(Job(Clip("a", SPEECH, Path("a"))))])
    return (tmp_path / "report.html").read_text()


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert {source.partition(":")[0] for source in checker.loaded} == {"data"}
    assert "<i>c" not in page


def test_charts_tables_differences_and_sounds_are_there(page: str) -> None:
    assert page.count("<svg") == 2
    assert re.search(r"thinline 6</th><td>6.00</td><td>2.63±0.38", page)
    assert re.search(r"thinline 6 − opus 12</th><td class=\"certain\">-0.50±0.00", page)
    assert "thinline 6, denoise on − thinline 6, denoise off" in page
    assert "stoi</dt>" not in page
    assert "stoi: not installed: pystoi" in page
    assert page.count("<audio") == page.count("<img") == 3
    assert page.count("data:audio/flac;base64,") == 3


def test_a_chart_of_nothing_is_none_and_others_are_files(tmp_path: Path) -> None:
    empty = Table([Score("a", OURS, 2.0, 6, 6, 0, 0)])
    assert bitrate_chart(empty, SPEECH) is None
    chart = bitrate_chart(Table([Score("a", OURS, 2.0, 6, 6, 0, 0, {"pesq": 2.0})]), SPEECH)
    assert chart
    save(chart, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 5000


def test_a_spectrogram_is_small_and_survives_silence(speech: Pcm) -> None:
    assert 1000 < len(spectrogram(speech)) < 20_000
    assert len(spectrogram(np.zeros(24_000, np.float32))) > 50

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codec.evaluation.document import Document, others_of, pairs, read_document, write_json
from codec.evaluation.errors import EvaluationError
from codec.evaluation.scores import Condition, Score, Table
from codec.evaluation.tables import markdown


def score(clip: str, condition: Condition, pesq: float | None, seconds: float = 2.0) -> Score:
    figures = {} if pesq is None else {"pesq": pesq}
    return Score(clip, condition, seconds, condition.bitrate_kbps, condition.bitrate_kbps + 7.2, 1.0, -0.5, figures)


OURS_3, OURS_6 = Condition("speech", "ours", 3), Condition("speech", "ours", 6)
OPUS, OTHER = Condition("speech", "opus", 12), Condition("speech", "other weights", 3)
MUSIC = Condition("music", "opus", 12)
OFF, ON = Condition("denoising", "ours", 6, "denoise off"), Condition("denoising", "ours", 6, "denoise on")


def test_everything_survives_the_file(tmp_path: Path) -> None:
    table = Table([score("a", OURS_3, 2.0), score("b", OURS_3, None), score("a", OPUS, 3.0)])
    document = Document({"made": "now"}, {"stoi": "not installed: pystoi"}, ["ours"], table)
    write_json(tmp_path / "out.json", document.to_json())
    assert read_document(tmp_path / "out.json").to_json() == document.to_json()


def test_means_are_over_clips_and_rates_over_seconds() -> None:
    table = Table([score("a", OURS_3, 2.0, seconds=1), score("b", OURS_3, 3.0, seconds=3)])
    mean = table.mean(OURS_3, "pesq")
    assert mean
    assert (mean.mean, mean.count) == (2.5, 2)
    assert table.rate(OURS_3) == pytest.approx(3)
    assert table.rate(OURS_3, "packet_kbps") == pytest.approx(10.2)


def test_pairs_are_ours_against_others_of_the_same_kind() -> None:
    table = Table([score("a", condition, 2.0) for condition in (OURS_3, OURS_6, OTHER, OPUS, MUSIC, OFF, ON)])
    assert pairs(table, ["ours", "other weights"]) == [
        (OURS_3, OTHER), (OURS_3, OPUS), (OURS_6, OPUS), (OTHER, OPUS), (ON, OFF),
    ]  # fmt: skip


def test_differences_are_first_minus_second_by_clip(tmp_path: Path) -> None:
    ours = [score(clip, OURS_3, pesq) for clip, pesq in (("a", 2.0), ("b", 2.5), ("c", None))]
    opus = [score(clip, OPUS, pesq) for clip, pesq in (("c", 9.0), ("b", 2.1), ("a", 1.5))]
    data = Document({}, {}, ["ours"], Table([*ours, *opus])).to_json()
    json.dumps(data, allow_nan=False)
    (entry,) = data["differences"]
    assert (entry["first"]["system"], entry["second"]["system"], entry["figure"]) == ("ours", "opus", "pesq")
    assert entry["mean"] == pytest.approx(0.45)
    assert (entry["clips"], entry["won"], entry["certain"]) == (2, 2, False)


def test_a_table_shows_means_intervals_and_holes() -> None:
    text = markdown(Table([score("a", OURS_3, 2.0), score("b", OURS_3, 2.2), score("a", OPUS, None)]), "speech")
    assert "| ours 3  | 3.00   | 2.10±1.27 |" in text
    assert "| opus 12 | 12.00  | -         |" in text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out.json"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=r"out\.json"):
        read_document(path)


def test_others_scores_stand_beside_new_ones_of_the_same_clips() -> None:
    scores = [score(clip, condition, 2.0) for condition in (OURS_3, OPUS, MUSIC) for clip in ("a", "b")]
    earlier = Document({}, {}, ["ours"], Table(scores))
    new = [score(clip, OTHER, 2.5) for clip in ("a", "b")]
    found = others_of(earlier, ["other weights"], new)
    assert {(one.clip, one.condition) for one in found} == {("a", OPUS), ("b", OPUS)}
    with pytest.raises(EvaluationError, match="judged other clips of speech"):
        others_of(earlier, ["other weights"], new[:1])
    with pytest.raises(EvaluationError, match="judged other clips of speech"):
        others_of(earlier, ["other weights"], [score(clip, OTHER, 2.5, seconds=1) for clip in ("a", "b")])
    with pytest.raises(EvaluationError, match="no other systems"):
        others_of(Document({}, {}, ["ours"], Table(scores[:2])), ["other weights"], new)

"""The JSON that an evaluation leaves: everything measured, and what it sums up to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec.atomicfile import replacing
from codec.evaluation.errors import EvaluationError
from codec.evaluation.runner import INPUT, OFF, ON
from codec.evaluation.scores import Condition, Score, Table
from codec.evaluation.statistics import Mean

FORMAT = 1


@dataclass(frozen=True)
class Document:
    """`about` says what was asked, with which weights and versions; `absent` names metrics and peers left out, and
    why; `ours` the systems that are held against the others."""

    about: dict[str, Any]
    absent: dict[str, str]
    ours: list[str]
    table: Table

    def to_json(self) -> dict[str, Any]:
        table = self.table
        return {
            "format": FORMAT,
            "about": self.about,
            "absent": self.absent,
            "ours": self.ours,
            "summary": [summarize(table, condition) for condition in table.rows],
            "differences": [entry for pair in pairs(table, self.ours) for entry in differences(table, *pair)],
            "scores": [score.to_json() for score in table.scores],
        }


def write_json(path: Path, content: dict[str, Any]) -> None:
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_document(path: Path) -> Document:
    """Raises EvaluationError for a file that is no document's JSON, OSError where there is none."""
    try:
        data = json.loads(path.read_text())
        if data["format"] != FORMAT:
            raise EvaluationError(f"{path}: format {data['format']}, this version reads {FORMAT}")
        table = Table(Score.from_json(entry) for entry in data["scores"])
        return Document(dict(data["about"]), dict(data["absent"]), list(data["ours"]), table)
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"{path}: not the JSON of an evaluation ({error})") from None


def others_of(earlier: Document, ours: Sequence[str], scores: Sequence[Score]) -> list[Score]:
    """The scores of the other systems in an earlier document, to stand beside new ones of the same clips.

    Raises EvaluationError where a kind's clips are not the same: means over other clips compare with nothing.
    """
    others = [score for score in earlier.table.scores if score.condition.system not in {*ours, *earlier.ours, INPUT}]
    if not others:
        raise EvaluationError("the earlier evaluation has no other systems")
    kinds = {score.condition.kind for score in scores}
    for kind in kinds & {score.condition.kind for score in others}:
        if clips_of(others, kind) != clips_of(scores, kind):
            raise EvaluationError(f"the earlier evaluation judged other clips of {kind}, or cut them otherwise")
    return [score for score in others if score.condition.kind in kinds]


def clips_of(scores: Iterable[Score], kind: str) -> set[tuple[str, float]]:
    """Names and seconds."""
    return {(score.clip, round(score.seconds, 3)) for score in scores if score.condition.kind == kind}


def summarize(table: Table, condition: Condition) -> dict[str, Any]:
    means = {figure: table.mean(condition, figure) for figure in table.figures}
    return {
        **named(condition),
        "clips": len(table.rows[condition]),
        "payload_kbps": round(table.rate(condition), 4),
        "packet_kbps": round(table.rate(condition, "packet_kbps"), 4),
        "figures": {figure: mean_json(mean) for figure, mean in means.items() if mean},
    }


def pairs(table: Table, ours: list[str]) -> list[tuple[Condition, Condition]]:
    """Ours against each of the others on the same kind, two of ours at the same bitrate, denoising on against off."""
    return [
        (first, second)
        for first in table.rows
        for second in table.of(first.kind)
        if first.system in ours and comparable(first, second, ours)
    ]


def comparable(first: Condition, second: Condition, ours: list[str]) -> bool:
    if second.system not in ours:
        return True
    if first.bitrate_kbps != second.bitrate_kbps:
        return False
    if first.system == second.system:
        return (first.setting, second.setting) == (ON, OFF)
    return first.setting == second.setting and ours.index(first.system) < ours.index(second.system)


def differences(table: Table, first: Condition, second: Condition) -> list[dict[str, Any]]:
    """first - second in each figure that both have."""
    entries = []
    for figure in table.figures:
        found = table.difference(first, second, figure)
        if found:
            entry = {"first": named(first), "second": named(second), "figure": figure}
            entries.append({**entry, **mean_json(found.mean), "won": found.won, "certain": found.mean.certain})
    return entries


def named(condition: Condition) -> dict[str, Any]:
    return {
        "kind": condition.kind,
        "system": condition.system,
        "bitrate_kbps": condition.bitrate_kbps,
        "setting": condition.setting,
    }


def mean_json(mean: Mean) -> dict[str, Any]:
    half = None if mean.half is None else round(mean.half, 4)
    return {"mean": round(mean.mean, 4), "interval95": half, "clips": mean.count}

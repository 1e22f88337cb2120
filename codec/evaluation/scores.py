"""Scores of clips, and what they sum up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from codec.evaluation.statistics import Difference, Mean, difference, mean_of

NUMBERS = ("seconds", "payload_kbps", "packet_kbps", "delay_ms", "gain_db")


@dataclass(frozen=True)
class Condition:
    """What stands in a row of a table: a system at a bitrate on one kind of sound, judged against one reference.

    `setting` is empty, or says what is switched (`denoise on`).
    """

    kind: str
    system: str
    bitrate_kbps: float
    setting: str = ""

    @property
    def label(self) -> str:
        rate = f" {self.bitrate_kbps:g}" if self.bitrate_kbps else ""
        return f"{self.system}{rate}{', ' if self.setting else ''}{self.setting}"


@dataclass(frozen=True)
class Score:
    """One clip under one condition. `figures` lacks what could not be measured; `problems` says why.

    Rates count real bits: `payload_kbps` codes alone, `packet_kbps` whole packets with header and padding.
    """

    clip: str
    condition: Condition
    seconds: float
    payload_kbps: float
    packet_kbps: float
    delay_ms: float
    gain_db: float
    figures: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        condition = self.condition
        return {
            "clip": self.clip,
            "kind": condition.kind,
            "system": condition.system,
            "bitrate_kbps": condition.bitrate_kbps,
            "setting": condition.setting,
            **{name: round(float(getattr(self, name)), 4) for name in NUMBERS},
            "figures": {name: round(value, 4) for name, value in self.figures.items()},
            "problems": self.problems,
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Score:
        """Raises KeyError, TypeError or ValueError for what `to_json` does not write."""
        condition = Condition(entry["kind"], entry["system"], float(entry["bitrate_kbps"]), entry["setting"])
        figures = {str(name): float(value) for name, value in entry["figures"].items()}
        numbers = {name: float(entry[name]) for name in NUMBERS}
        return cls(entry["clip"], condition, **numbers, figures=figures, problems=dict(entry["problems"]))


class Table:
    """All scores, by condition in the order in which they came and by clip."""

    def __init__(self, scores: Iterable[Score]) -> None:
        self.scores = list(scores)
        self.rows: dict[Condition, dict[str, Score]] = {}
        for score in self.scores:
            self.rows.setdefault(score.condition, {})[score.clip] = score

    @property
    def kinds(self) -> list[str]:
        return list(dict.fromkeys(condition.kind for condition in self.rows))

    @property
    def figures(self) -> list[str]:
        """Names of all figures, in the order of the metrics."""
        return list(dict.fromkeys(name for score in self.scores for name in score.figures))

    def of(self, kind: str) -> list[Condition]:
        return [condition for condition in self.rows if condition.kind == kind]

    def mean(self, condition: Condition, figure: str) -> Mean | None:
        scores = self.rows[condition].values()
        return mean_of(score.figures[figure] for score in scores if figure in score.figures)

    def rate(self, condition: Condition, name: str = "payload_kbps") -> float:
        """Bits of all clips over the seconds of all clips."""
        scores = self.rows[condition].values()
        bits = sum(float(getattr(score, name)) * score.seconds for score in scores)
        return bits / sum(score.seconds for score in scores)

    def difference(self, first: Condition, second: Condition, figure: str) -> Difference | None:
        """Over the clips that both conditions have."""
        rows = self.rows[first], self.rows[second]
        clips = [clip for clip in rows[0] if clip in rows[1]]
        return difference(*([row[clip].figures.get(figure) for clip in clips] for row in rows))

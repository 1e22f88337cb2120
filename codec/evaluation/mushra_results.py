"""From the CSV files of a listening test to means and the paper's bar chart, after ITU-R BS.1534-3."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from codec.evaluation.errors import EvaluationError
from codec.evaluation.mushra import REFERENCE
from codec.evaluation.statistics import Mean, mean_of

# Post-screening, BS.1534-3, section 4.1.2: who rates the hidden reference below 90 too often did not hear it.
REFERENCE_FLOOR, MISSED_SHARE = 90, 0.15
NEEDED = ("test", "listener", "trial", "condition", "score")


@dataclass(frozen=True)
class Rating:
    listener: str
    trial: str
    condition: str
    score: float


@dataclass(frozen=True)
class Results:
    """`screened` names listeners left out, with how many of their trials missed the reference and of how many."""

    ratings: list[Rating]
    screened: dict[str, tuple[int, int]]

    @property
    def listeners(self) -> list[str]:
        return sorted({rating.listener for rating in self.ratings})

    @property
    def means(self) -> dict[str, Mean]:
        """By condition, best first, over all ratings."""
        scores = self._scores()
        means = {condition: mean for condition, values in scores.items() if (mean := mean_of(values))}
        return dict(sorted(means.items(), key=lambda entry: -entry[1].mean))

    @property
    def medians(self) -> dict[str, float]:
        return {condition: median(values) for condition, values in self._scores().items()}

    def _scores(self) -> dict[str, list[float]]:
        scores = defaultdict[str, list[float]](list)
        for rating in self.ratings:
            scores[rating.condition].append(rating.score)
        return scores

    def to_json(self) -> dict[str, Any]:
        medians = self.medians
        return {
            "listeners": len(self.listeners),
            "trials": len({rating.trial for rating in self.ratings}),
            "screened": {name: {"missed": missed, "of": trials} for name, (missed, trials) in self.screened.items()},
            "conditions": {
                condition: {
                    "mean": round(mean.mean, 3),
                    "interval95": None if mean.half is None else round(mean.half, 3),
                    "median": medians[condition],
                    "ratings": mean.count,
                }
                for condition, mean in self.means.items()
            },
        }


def read_results(paths: Sequence[Path]) -> Results:
    """All ratings but those of listeners who missed the reference. Raises EvaluationError, OSError."""
    tests, ratings = set[str](), dict[tuple[str, str, str], Rating]()
    for path in paths:
        for test, rating in read_csv(path):
            tests.add(test)
            key = (rating.listener, rating.trial, rating.condition)
            if key in ratings:
                raise EvaluationError(
                    f"{path}: {rating.listener!r} has judged {rating.condition!r} in {rating.trial!r} already"
                )
            ratings[key] = rating
    if len(tests) > 1:
        raise EvaluationError(f"the files are of {len(tests)} different tests: {', '.join(sorted(tests))}")
    screened = screen(ratings.values())
    kept = [rating for rating in ratings.values() if rating.listener not in screened]
    if not kept:
        raise EvaluationError(f"no listener is left of {len(screened)}: all rated the hidden reference too low")
    return Results(kept, screened)


def read_csv(path: Path) -> Iterable[tuple[str, Rating]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            rows = csv.DictReader(file, strict=True)
            if missing := [name for name in NEEDED if name not in (rows.fieldnames or ())]:
                raise EvaluationError(
                    f"{path}: no results of a listening test: there is no column {', '.join(missing)}"
                )
            found = [parse_row(path, rows.line_num, row) for row in rows]
        except (csv.Error, UnicodeDecodeError) as error:
            raise EvaluationError(f"{path}: not a CSV file ({error})") from None
    if not found:
        raise EvaluationError(f"{path}: there is no judgement in it")
    return found


def parse_row(path: Path, line: int, row: dict[str, str]) -> tuple[str, Rating]:
    try:
        score = float(row["score"])
    except (TypeError, ValueError):
        raise EvaluationError(f"{path}, line {line}: score {row['score']!r} is not a number") from None
    if not 0 <= score <= 100:
        raise EvaluationError(f"{path}, line {line}: score {score:g} is outside 0..100")
    return row["test"], Rating(row["listener"], row["trial"], row["condition"], score)


def screen(ratings: Iterable[Rating]) -> dict[str, tuple[int, int]]:
    """Listeners who rated the hidden reference below 90 in more than 15 % of their trials: missed, trials."""
    scores = defaultdict[str, list[float]](list)
    for rating in ratings:
        if rating.condition == REFERENCE:
            scores[rating.listener].append(rating.score)
    missed = {name: sum(score < REFERENCE_FLOOR for score in values) for name, values in scores.items()}
    return {
        name: (missed[name], len(values))
        for name, values in scores.items()
        if missed[name] > MISSED_SHARE * len(values)
    }


def results_text(results: Results) -> str:
    """What a terminal shows."""
    lines = [f"{len(results.listeners)} listeners, {len(results.ratings)} judgements"]
    for name, (missed, trials) in results.screened.items():
        lines.append(
            f"left out: {name}, who rated the hidden reference below {REFERENCE_FLOOR} in {missed} of {trials} trials"
        )
    medians = results.medians
    width = max(map(len, medians))
    lines += [
        "",
        f"| {'':<{width}} | mean ± 95 %   | median | ratings |",
        f"| {'-' * width} | ------------- | ------ | ------- |",
    ]
    for condition, mean in results.means.items():
        half = "" if mean.half is None else f" ± {mean.half:.1f}"
        text = f"{mean.mean:.1f}{half}"
        lines.append(f"| {condition:<{width}} | {text:<13} | {medians[condition]:>6g} | {mean.count:>7} |")
    return "\n".join(lines)

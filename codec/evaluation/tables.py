"""The tables that a terminal shows."""

from __future__ import annotations

from collections.abc import Iterable

from codec.evaluation.metrics import TITLES
from codec.evaluation.scores import Condition, Table
from codec.evaluation.statistics import Mean


def figure_text(figure: str, mean: Mean | None, signed: bool = False) -> str:
    """Mean ± half the interval; STOI, which runs from 0 to 1, with a digit more."""
    if mean is None:
        return "-"
    digits = 3 if figure == "stoi" else 2
    text = f"{mean.mean:{'+' if signed else ''}.{digits}f}"
    return text if mean.half is None else f"{text}±{mean.half:.{digits}f}"


def measured(table: Table, conditions: Iterable[Condition]) -> list[str]:
    """The figures that at least one of the conditions has."""
    present = {name for condition in conditions for score in table.rows[condition].values() for name in score.figures}
    return [figure for figure in table.figures if figure in present]


def markdown(table: Table, kind: str) -> str:
    """One kind's means and 95 % intervals."""
    figures = measured(table, table.of(kind))
    lines = [["", "kbit/s", *(TITLES.get(figure, figure) for figure in figures)]]
    for condition in table.of(kind):
        rate = table.rate(condition)
        cells = [figure_text(figure, table.mean(condition, figure)) for figure in figures]
        lines.append([condition.label, f"{rate:.2f}" if rate else "-", *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)

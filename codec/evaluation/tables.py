"""The tables that a terminal shows."""

from __future__ import annotations

from codec.evaluation.metrics import TITLES
from codec.evaluation.scores import Table
from codec.evaluation.statistics import Mean


def mean_text(mean: Mean | None) -> str:
    if mean is None:
        return "-"
    return f"{mean.mean:.2f}" if mean.half is None else f"{mean.mean:.2f}±{mean.half:.2f}"


def stoi_text(mean: Mean | None) -> str:
    """A digit more: STOI runs from 0 to 1."""
    if mean is None:
        return "-"
    return f"{mean.mean:.3f}" if mean.half is None else f"{mean.mean:.3f}±{mean.half:.3f}"


def figure_text(figure: str, mean: Mean | None) -> str:
    return stoi_text(mean) if figure == "stoi" else mean_text(mean)


def markdown(table: Table, kind: str) -> str:
    """One kind's means and 95 % intervals."""
    figures = [figure for figure in table.figures if any(table.mean(c, figure) for c in table.of(kind))]
    lines = [["", "kbit/s", *(TITLES.get(figure, figure) for figure in figures)]]
    for condition in table.of(kind):
        rate = table.rate(condition)
        cells = [figure_text(figure, table.mean(condition, figure)) for figure in figures]
        lines.append([condition.label, f"{rate:.2f}" if rate else "-", *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)

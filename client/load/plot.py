"""Curves as an SVG drawing: all that a report's plots need, so that no plotting library is needed to load a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 440, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 40
COLOURS = ("#1f6fb2", "#d1603d", "#3d8f57")
TICKS = 5


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    points: Sequence[tuple[float, float]]


def plot(curves: Sequence[Curve], x_unit: str, y_unit: str) -> str:
    """Lines with dots, both axes from 0 or below."""
    xs = _ticks([x for curve in curves for x, _ in curve.points])
    ys = _ticks([y for curve in curves for _, y in curve.points])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - xs[0]) / (xs[-1] - xs[0])
        up = (y - ys[0]) / (ys[-1] - ys[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">']
    for tick in ys:
        left, height = place(xs[0], tick)
        parts.append(f'<path d="M{left:.1f} {height:.1f}H{WIDTH - RIGHT}" stroke="#e2e6ea"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in xs:
        across, base = place(tick, ys[0])
        parts.append(f'<text x="{across:.1f}" y="{base + 16:.1f}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(x_unit)}</text>')
    parts.append(f'<text x="4" y="{HEIGHT - 6}">{escape(y_unit)}</text>')
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        places = [place(x, y) for x, y in curve.points]
        line = " ".join(f"{across:.1f},{height:.1f}" for across, height in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if len(places) <= 40:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{colour}"/>' for x, y in places]
        if len(curves) > 1:
            height = TOP + 12 + 14 * number
            parts.append(f'<text x="{LEFT + 8}" y="{height}" style="fill:{colour}">{escape(curve.name)}</text>')
    return "".join([*parts, "</svg>"])


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers from the least value, or 0, to the greatest."""
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    if high == low:
        high = low + 1
    rough = (high - low) / TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return [round(index * step, 10) for index in range(floor(low / step), ceil(high / step - 1e-9) + 1)]

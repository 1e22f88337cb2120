"""Pictures: score against bitrate, denoising against noise, spectrograms. SVG text takes the page's own colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from PIL import Image

from codec.audiofile import SAMPLE_RATE
from codec.engine.base import Pcm
from codec.evaluation.metrics import TITLES
from codec.evaluation.scores import Condition, Table
from codec.evaluation.statistics import Mean
from codec.evaluation.tables import measured

# Okabe and Ito's colours, told apart by people who see colours differently; markers and dashes say the same again.
STYLES = (
    ("#0072b2", "o", "-"),
    ("#d55e00", "s", "--"),
    ("#009e73", "^", "-."),
    ("#cc79a7", "D", ":"),
    ("#e69f00", "v", "-"),
    ("#56b4e9", "P", "--"),
)
_INK = "#010203"  # stands for the page's text colour until the SVG is written
_TICKS_KBPS = (0.75, 1.5, 3, 6, 9, 12, 18, 24, 48)
_COLUMNS = 3
_DPI = 150

_STFT_WINDOW, _STFT_HOP = 1024, 256
_BLACK_DB, _WHITE_DB = -100.0, -25.0
_SPECTROGRAM_HEIGHT, _SPECTROGRAM_PIXELS_A_SECOND = 160, 120


def bitrate_chart(table: Table, kind: str) -> Figure | None:
    """A panel a figure, a line a system over the bits that it really took; None where nothing was measured."""
    systems = list(dict.fromkeys(condition.system for condition in table.of(kind)))

    def draw(axes: Axes, figure: str) -> None:
        for style, system in enumerate(systems):
            conditions = [condition for condition in table.of(kind) if condition.system == system]
            _draw_line(axes, table, conditions, [table.rate(condition) for condition in conditions], figure, style)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(NullLocator())
        low, high = axes.get_xlim()
        axes.set_xticks([tick for tick in _TICKS_KBPS if low <= tick <= high])
        axes.xaxis.set_major_formatter(lambda tick, _: f"{tick:g}")
        axes.set_xlabel("kbit/s")

    return _panels(_shown(table, table.of(kind), parts_of_dnsmos=False), draw)


def denoise_chart(table: Table, kinds: Sequence[str]) -> Figure | None:
    """A panel a figure, a line each for the input and for denoising off and on, over the kinds' ratios."""
    conditions = [condition for kind in kinds for condition in table.of(kind)]
    lines = list(dict.fromkeys((c.system, c.bitrate_kbps, c.setting) for c in conditions))

    def draw(axes: Axes, figure: str) -> None:
        for style, line in enumerate(lines):
            present = [c for c in conditions if (c.system, c.bitrate_kbps, c.setting) == line]
            _draw_line(axes, table, present, [kinds.index(c.kind) for c in present], figure, style)
        axes.set_xticks(range(len(kinds)), [kind.partition(", ")[2] for kind in kinds])
        axes.set_xlabel("speech against noise")

    return _panels(_shown(table, conditions, parts_of_dnsmos=True), draw)


def _shown(table: Table, conditions: Sequence[Condition], parts_of_dnsmos: bool) -> list[str]:
    """Figures worth a panel: DNSMOS's speech and background apart only where something was denoised."""
    found = measured(table, conditions)
    return found if parts_of_dnsmos else [figure for figure in found if figure not in ("dnsmos_sig", "dnsmos_bak")]


def _draw_line(
    axes: Axes, table: Table, conditions: Sequence[Condition], places: Sequence[float], figure: str, style: int
) -> None:
    found = [(x, mean) for x, c in zip(places, conditions, strict=True) if (mean := table.mean(c, figure))]
    if not found:
        return
    colour, marker, dashes = STYLES[style % len(STYLES)]
    axes.errorbar(
        [x for x, _ in found],
        [mean.mean for _, mean in found],
        [mean.half or 0.0 for _, mean in found],
        label=_line_name(conditions[0]),
        color=colour,
        marker=marker,
        linestyle=dashes,
        markersize=4.5,
        linewidth=1.6,
        elinewidth=1,
        capsize=2.5,
    )


def _line_name(condition: Condition) -> str:
    return f"{condition.system}, {condition.setting}" if condition.setting else condition.system


def _panels(figures: Sequence[str], draw: Callable[[Axes, str], None]) -> Figure | None:
    if not figures:
        return None
    columns = min(_COLUMNS, len(figures))
    rows = -(-len(figures) // columns)
    with mpl.rc_context(_look()):
        picture = Figure(figsize=(3.4 * columns, 2.7 * rows + 0.35), layout="constrained")
        panels = picture.subplots(rows, columns, squeeze=False).ravel()
        for axes, figure in zip(panels, figures, strict=False):
            draw(axes, figure)
            axes.set_title(TITLES.get(figure, figure), loc="left", fontweight="bold")
            axes.grid(axis="y", alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
        for axes in panels[len(figures) :]:
            axes.remove()
        handles, labels = panels[0].get_legend_handles_labels()
        picture.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False)
    return picture


def _look() -> dict[Any, Any]:
    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK)
    sizes = {"font.size": 9.0, "axes.titlesize": 10.0, "font.family": "sans-serif"}
    return {**ink, **sizes, "grid.color": _INK, "svg.fonttype": "none", "svg.hashsalt": "thinline"}


def bar_chart(means: dict[str, Mean], own_name: str) -> Figure:
    """A bar a condition with its 95 % interval, best first: the figure of the SoundStream paper's listening test."""
    with mpl.rc_context(_look()):
        picture = Figure(figsize=(max(5.0, 0.7 * len(means) + 1), 3.6), layout="constrained")
        axes = picture.subplots()
        colours = [STYLES[0][0] if name.startswith(own_name) else "#80878c" for name in means]
        axes.bar(range(len(means)), [mean.mean for mean in means.values()], color=colours, width=0.7)
        places = [(place, mean) for place, mean in enumerate(means.values()) if mean.half is not None]
        axes.errorbar(
            [place for place, _ in places],
            [mean.mean for _, mean in places],
            [mean.half or 0.0 for _, mean in places],
            fmt="none",
            ecolor=_INK,
            capsize=4,
        )
        axes.set_xticks(range(len(means)), list(means), rotation=30, ha="right")
        axes.set_ylim(0, 100)
        axes.set_yticks(range(0, 101, 20))
        axes.set_ylabel("MUSHRA score")
        axes.grid(axis="y", alpha=0.25)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return picture


def to_svg(picture: Figure, title: str) -> str:
    """An <svg> element for a page, in the colour of the text around it."""
    out = BytesIO()
    with mpl.rc_context(_look()):
        picture.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue().decode()
    svg = text[text.index("<svg") :].replace(_INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)


def save(picture: Figure, path: Path) -> None:
    """By the name's ending: .png, .svg or .pdf, on white."""
    picture.savefig(path, dpi=_DPI, facecolor="white")


def spectrogram(pcm: Pcm) -> bytes:
    """A WebP picture: time to the right, 0 to 12 kHz upwards, black to white one scale for all."""
    padded = np.pad(pcm, (_STFT_WINDOW // 2, _STFT_WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _STFT_WINDOW)[::_STFT_HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(_STFT_WINDOW), axis=1)) / (_STFT_WINDOW / 4)
    level = 20 * np.log10(np.maximum(spectrum.T[::-1], 1e-9))
    scaled = np.clip((level - _BLACK_DB) / (_WHITE_DB - _BLACK_DB), 0, 1)
    colours = (mpl.colormaps["magma"](scaled)[..., :3] * 255).astype(np.uint8)
    width = max(1, round(len(pcm) / SAMPLE_RATE * _SPECTROGRAM_PIXELS_A_SECOND))
    out = BytesIO()
    Image.fromarray(colours).resize((width, _SPECTROGRAM_HEIGHT)).save(out, "WEBP", quality=60)
    return out.getvalue()

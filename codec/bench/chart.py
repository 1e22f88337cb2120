"""The figures as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Json = dict[str, Any]


def draw(report: Json, path: Path) -> None:
    """Writes a PNG: time of a frame by parts, with the floor and the peers. Raises ModuleNotFoundError without
    matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = report["results"]
    bars = len(rows) + len(report["peers"])
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.45 * bars), layout="constrained")
    names = [f"{row['engine']} {row['precision']}, {row['preset']}" for row in rows]
    left = [0.0] * len(rows)
    for part in ("encode", "search", "decode"):
        widths = [row[f"{part}_ms"]["median"] / row["step_ms"]["median"] * 1000 * row["rtf"] for row in rows]
        axes.barh(names, widths, left=left, label=part)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    floors = [sum(row["floor_ms"].values()) / row["step_ms"]["median"] * 1000 * row["rtf"] for row in rows]
    axes.plot(floors, names, "k|", markersize=16, label="floor of this core")
    tails = [row["step_ms"]["p99"] / row["step_ms"]["median"] * 1000 * row["rtf"] for row in rows]
    axes.plot(tails, names, "k.", label="99th percentile")
    for peer in report["peers"]:
        axes.barh(peer["name"], 1000 * peer["rtf"], color="0.7")
        names.append(peer["name"])
    axes.invert_yaxis()
    axes.set_xlabel("ms of compute for a second of sound, one thread (1000 = real time)")
    axes.legend(loc="lower right", fontsize="small")
    axes.set_title(f"{report['machine']['processor']}, {report['results'][0]['n_q']} quantizers" if rows else "")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)

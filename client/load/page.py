"""A load test's report as one HTML file that needs nothing else: figures, plots, failures."""

from __future__ import annotations

from html import escape
from typing import Any

from client.load.plot import Curve, plot
from client.load.summary import summary

Json = dict[str, Any]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1c2530 }
pre { background: #f3f5f7; padding: 1rem; overflow-x: auto; white-space: pre-wrap }
figure { display: inline-block; margin: 0 1rem 1.5rem 0; vertical-align: top }
figcaption { font-weight: 600 }
table { border-collapse: collapse } td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #d5dbe1 }
svg text { font: 11px system-ui, sans-serif; fill: #4a5663 }
"""


def page(report: Json) -> str:
    """HTML of the report of `report_of`, plots as inline SVG, no scripts and no links."""
    figures = "".join(f"<figure><figcaption>{escape(name)}</figcaption>{svg}</figure>" for name, svg in _plots(report))
    title = f"{report['calls']} calls with {report['server']}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{escape(report['at'])}, {escape(report['machine']['system'])}, {report['machine']['cpus']} CPUs</p>"
        f"<pre>{escape(summary(report))}</pre>{figures}{_trials(report)}{_worst(report)}</body></html>\n"
    )


def _plots(report: Json) -> list[tuple[str, str]]:
    moments, sides = report["moments"], report["sides"]
    plots = [("Calls up", plot([Curve("calls", _points(moments, "at", "up"))], "s", "calls"))]
    cpu = _points(moments, "at", "cpu_percent")
    if cpu:
        plots.append(("Server: CPU", plot([Curve("CPU", cpu)], "s", "% of a core")))
        plots.append(("Server: memory", plot([Curve("memory", _points(moments, "at", "memory_mb"))], "s", "MB")))
    setups = [side["setup_ms"] for side in sides if side["setup_ms"] is not None]
    if setups:
        plots.append(("Set-up time of the participants", plot([Curve("set-up", _ranked(setups))], "% of them", "ms")))
    latencies = {name: _ranked([side["mouth_to_ear_ms"][name] for side in sides if side["mouth_to_ear_ms"]])
                 for name in ("p50", "p95")}  # fmt: skip
    if latencies["p50"]:
        curves = [Curve(f"{name} of each", points) for name, points in latencies.items()]
        plots.append(("Mouth to ear, by rank", plot(curves, "% of them", "ms")))
    missing = [100 * side["missing"] / max(1, side["missing"] + side["received"]) for side in sides]
    if missing:
        plots.append(("Missing frames, by rank", plot([Curve("missing", _ranked(missing))], "% of them", "%")))
    return plots + _capacity_plots(report)


def _capacity_plots(report: Json) -> list[tuple[str, str]]:
    trials = sorted(report.get("capacity", {}).get("trials", []), key=lambda trial: int(trial["calls"]))
    if not trials:
        return []
    losses = [Curve("missing at the ear", _points(trials, "calls", "missing_percent")),
              Curve("late at the codec", _points(trials, "calls", "misses_percent"))]  # fmt: skip
    plots = [("Trials: frames lost", plot(losses, "calls", "%"))]
    if cpu := _points(trials, "calls", "server_cpu_percent"):
        plots.append(("Trials: server CPU", plot([Curve("CPU", cpu)], "calls", "% of a core")))
    if latency := _points(trials, "calls", "mouth_to_ear_p95_ms"):
        plots.append(("Trials: mouth to ear, p95", plot([Curve("p95", latency)], "calls", "ms")))
    return plots


def _trials(report: Json) -> str:
    trials = report.get("capacity", {}).get("trials", [])
    rows = "".join(f"<tr><td>{trial['calls']}</td><td>{escape(trial['verdict'])}</td></tr>" for trial in trials)
    return f"<h2>Trials</h2><table><tr><th>calls</th><th>verdict</th></tr>{rows}</table>" if rows else ""


def _worst(report: Json, count: int = 10) -> str:
    """The participants that had the most missing frames, and all failures come first."""
    ranked = sorted(report["sides"], key=lambda side: (side["failure"] is None, -side["missing"]))
    head = ("call", "side", "failure", "missing", "late at the codec", "concealed", "mouth to ear p95 ms")
    rows = []
    for side in ranked[:count]:
        latency = side["mouth_to_ear_ms"]
        cells = (side["call"], side["name"], side["failure"] or "", side["missing"],
                 side["uplink_dropped"] + side["downlink_dropped"],
                 side["downlink_concealed"], f"{latency['p95']:.0f}" if latency else "-")  # fmt: skip
        rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f"<h2>Participants who fared worst</h2><table><tr>{titles}</tr>{''.join(rows)}</table>" if rows else ""


def _points(rows: list[Json], x: str, y: str) -> list[tuple[float, float]]:
    return [(row[x], row[y]) for row in rows if row[y] is not None]


def _ranked(values: list[float]) -> list[tuple[float, float]]:
    """Each value over the percentage of values up to it."""
    return [(100 * (rank + 1) / len(values), value) for rank, value in enumerate(sorted(values))]

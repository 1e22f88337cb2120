"""A load test's report as lines for a person."""

from __future__ import annotations

from typing import Any

from client.load.tokens import VARIABLE

Json = dict[str, Any]


def summary(report: Json) -> str:
    """The figures of `report_of`, and of a search for capacity where there was one."""
    frames, sound, rtf, load = report["frames"], report["sound"], report["rtf"], report["load"]
    lines = [
        ("calls", _calls(report)),
        ("set-up", _spread(report["setup_ms"], "ms", 0)),
        ("latency", "mouth to ear " + _spread(report["mouth_to_ear_ms"], "ms", 0)),
        ("sound", f"{sound['pieces_alike']} of {sound['pieces_judged']} pieces of 2 s are what was said; "
                  f"likeness {_spread(sound['likeness'], '', 2)}"),
        ("frames", f"{frames['received']} heard, {frames['missing']} missing ({frames['missing_percent']:.2f} %), "
                   f"{frames['concealed_percent']:.2f} % concealed, {frames['gaps']} gaps over "
                   f"{frames['gap_is_over_ms']:g} ms, the longest {_number(frames['longest_gap_ms'], 0)} ms"),
        ("deadline", f"{report['deadline']['misses_percent']:.2f} % missed by the server: "
                     f"{report['deadline']['encoder_misses']} frames at the encoder, "
                     f"{report['deadline']['decoder_misses']} at the decoder"),
        ("RTF", f"a stream {_number(rtf['stream'], 4)} (encode {_number(rtf['encode'], 4)}, decode "
                f"{_number(rtf['decode'], 4)}), the node {_number(rtf['node'], 2)}; compute s / audio s"),
        ("server", _server(report["server_process"])),
        ("load", f"{len(load['processes'])} processes, {_cpu(load['processes'])} of a core; "
                 f"late by {_spread(load['late_ms'], 'ms', 1)}"),
    ]  # fmt: skip
    for cause, count in report["failures"].items():
        said = report["failure_examples"].get(cause)
        lines.append(("failed", f"{count} calls: {cause}" + (f" ({said})" if said else "")))
    if "unauthorized" in report["failures"]:
        lines.append(("tokens", f"--token-secret-file or {VARIABLE} has them made with the server's secret"))
    if load["note"]:
        lines.append(("beware", load["note"]))
    if "capacity" in report:
        lines += _capacity(report["capacity"])
    return "\n".join(f"{label:>9}  {text}" for label, text in lines)


def _calls(report: Json) -> str:
    text = f"{report['calls']} for {report['seconds']:g} s, {report['calls_failed']} failed"
    if impairment := report["impairment_each_way"]:
        text += (
            f"; each way {impairment['loss_percent']:g} % loss, {impairment['delay_ms']:g} ms delay, "
            f"{impairment['jitter_ms']:g} ms jitter"
        )
    return text + ("; interrupted" if report["interrupted"] else "")


def _server(process: Json) -> str:
    if "pid" not in process:
        return str(process["note"])
    return (
        f"process {process['pid']}: {_number(process['cpu_percent_of_a_core'], 0)} % of a core, "
        f"{_number(process['memory_mb'], 0)} MB"
    )


def _cpu(processes: list[Json]) -> str:
    known = [figures["cpu_percent"] for figures in processes if figures["cpu_percent"] is not None]
    return f"{sum(known):.0f} %" if known else "- %"


def _capacity(capacity: Json) -> list[tuple[str, str]]:
    trials = "; ".join(f"{trial['calls']} {trial['verdict']}" for trial in capacity["trials"])
    return [
        ("capacity", f"{capacity['calls']} calls at once, by these criteria: {capacity['criteria']}"),
        ("trials", trials),
    ]


def _spread(values: Json | None, unit: str, digits: int) -> str:
    if values is None:
        return "not measured"
    named = ", ".join(f"{name} {values[name]:.{digits}f}" for name in ("p5", "p50", "p95", "p99"))
    return f"{named}, most {values['most']:.{digits}f} {unit}".rstrip()


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"

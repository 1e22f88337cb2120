"""The report of a load test: plain numbers with units in their names, as JSON and as text."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client.figures import percent
from client.frame import CODEC
from client.load.ear import ALIKE, AUDIBLE_GAP_MS
from client.load.harness import Moment, Outcome
from client.load.server_process import ServerProcess
from client.load.sides import Side, unlike

LATE_MS = 13.0  # a load process that is often later than a frame measures itself
PERCENTILES = (5, 50, 90, 95, 99)

Json = dict[str, Any]


def report_of(outcome: Outcome, server: ServerProcess | None) -> Json:
    """Everything that is measured. What could not be is null, with the reason where there is one."""
    plan, sides = outcome.plan, outcome.sides
    failures = failures_of(outcome)
    return {
        "server": plan.server,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "calls": plan.calls,
        "seconds": plan.seconds,
        "ramp_seconds": plan.ramp_seconds,
        "bitrate_kbps": plan.bitrate_kbps,
        "transport": plan.transport,
        "denoise": plan.denoise,
        "impairment_each_way": None if plan.impairment.nothing else asdict(plan.impairment),
        "interrupted": outcome.interrupted,
        "calls_failed": sum(failures.values()),
        "failures": failures,
        "failure_examples": _examples(sides),
        "setup_ms": _percentiles([side.setup_ms for side in sides if side.setup_ms is not None]),
        "mouth_to_ear_ms": _percentiles(_joined(side.mouth_to_ear_ms for side in sides)),
        "sound": _sound(sides),
        "frames": _frames(sides),
        "deadline": _deadline(sides),
        "rtf": _rtf(sides),
        "server_process": _server(outcome, server),
        "load": _load(outcome),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count(), "load_average": list(os.getloadavg())},
        "moments": _moments(outcome.moments),
        "sides": [_side(side) for side in sides],
    }


def failures_of(outcome: Outcome) -> dict[str, int]:
    """Calls that failed, by cause; one that failed on both sides counts once, by the first one's cause."""
    causes: dict[int, str] = {}
    for side in outcome.sides:
        if side.failure:
            causes.setdefault(side.call, side.failure)
    for side in outcome.sides:
        if side.call not in causes and (cause := _silent(side, outcome) or unlike(side)):
            causes[side.call] = cause
    missing = outcome.plan.calls - len({side.call for side in outcome.sides})
    return dict(Counter(causes.values()) + Counter({"load-process-died": missing}))


def _silent(side: Side, outcome: Outcome) -> str | None:
    measured = side.sent > CODEC.frame_rate  # for a second at least
    return "silence" if measured and not side.received and not outcome.interrupted else None


def _examples(sides: Sequence[Side]) -> dict[str, str]:
    """For each cause what the first one said."""
    examples: dict[str, str] = {}
    for side in sides:
        if side.failure:
            examples.setdefault(side.failure, side.failure_text)
    return examples


def _sound(sides: Sequence[Side]) -> Json:
    likeness = _joined(side.likeness for side in sides)
    alike = int(np.count_nonzero(likeness >= ALIKE))
    return {
        "pieces_judged": len(likeness),
        "pieces_alike": alike,
        "alike_percent": percent(alike, len(likeness)) if len(likeness) else None,
        "likeness": _percentiles(likeness),
    }


def _frames(sides: Sequence[Side]) -> Json:
    received, missing = (sum(getattr(side, name) for side in sides) for name in ("received", "missing"))
    played, concealed, noise = (
        sum(getattr(side, f"downlink_{name}") for side in sides) for name in ("played", "concealed", "noise")
    )
    gaps = _joined(side.gaps_ms for side in sides)
    return {
        "sent": sum(side.sent for side in sides),
        "skipped_by_load": sum(side.skipped for side in sides),
        "received": received,
        "missing": missing,
        "missing_percent": percent(missing, missing + received),
        "uplink_lost": sum(side.uplink_lost for side in sides),
        "played": played,
        "concealed": concealed,
        "noise": noise,
        "concealed_percent": percent(concealed + noise, played + concealed + noise),
        "gaps": len(gaps),
        "gap_is_over_ms": AUDIBLE_GAP_MS,
        "longest_gap_ms": float(gaps.max()) if len(gaps) else None,
    }


def _deadline(sides: Sequence[Side]) -> Json:
    """Frames that the server had no time for, by its own count."""
    encoder, decoder = (sum(getattr(side, name) for side in sides) for name in ("uplink_dropped", "downlink_dropped"))
    steps = sum(side.sent + side.received + side.downlink_dropped for side in sides)
    return {"encoder_misses": encoder, "decoder_misses": decoder, "misses_percent": percent(encoder + decoder, steps)}


def _rtf(sides: Sequence[Side]) -> Json:
    """Compute seconds per second of audio. A stream is one direction: an encoder and the other's decoder."""
    pairs = [(side.encode_rtf, side.decode_rtf) for side in sides if side.encode_rtf is not None]
    encode = [encode for encode, _ in pairs if encode is not None]
    decode = [decode for _, decode in pairs if decode is not None]
    if not pairs:
        return {"encode": None, "decode": None, "stream": None, "node": None}
    return {
        "encode": float(np.median(encode)),
        "decode": float(np.median(decode)),
        "stream": float(np.median(encode) + np.median(decode)),
        "node": float(sum(encode) + sum(decode)),
    }


def _server(outcome: Outcome, server: ServerProcess | None) -> Json:
    if server is None:
        why = "not measured: the server is not on this machine, or can't be told from others; see --server-pid"
        return {"note": why}
    begin = outcome.plan.settled_seconds
    end = outcome.plan.total_seconds  # what follows is the judging
    samples = [moment.server for moment in outcome.moments if begin <= moment.at <= end and moment.server is not None]
    figures: Json = {"pid": server.pid, "cpu_percent_of_a_core": None, "memory_mb": None, "memory_mb_largest": None}
    if len(samples) > 1:
        passed = samples[-1].at - samples[0].at
        figures["cpu_percent_of_a_core"] = 100 * (samples[-1].cpu_seconds - samples[0].cpu_seconds) / passed
    if known := [moment.server.memory_mb for moment in outcome.moments if moment.server is not None]:
        figures |= {"memory_mb_before": known[0], "memory_mb": known[-1], "memory_mb_largest": max(known)}
    return figures


def _load(outcome: Outcome) -> Json:
    late = _percentiles(_joined(side.late_ms for side in outcome.sides))
    busy = late is not None and late["p99"] > LATE_MS
    return {
        "processes": [asdict(figures) for figures in outcome.processes],
        "late_ms": late,
        "note": "the load processes were late themselves: these figures are theirs, not the server's" if busy else None,
    }


def _moments(moments: Sequence[Moment]) -> list[Json]:
    """Twice a second: calls up, and the server's CPU since the moment before."""
    rows, before = [], None
    for moment in moments:
        server, cpu = moment.server, None
        if server is not None and before is not None and server.at > before.at:
            cpu = 100 * (server.cpu_seconds - before.cpu_seconds) / (server.at - before.at)
        row = {"at": moment.at, "up": moment.up, "failed": moment.failed, "cpu_percent": cpu}
        rows.append(row | {"memory_mb": server.memory_mb if server else None})
        before = server
    return rows


def _side(side: Side) -> Json:
    """One participant; long lists as percentiles."""
    lists = ("gaps_ms", "likeness", "mouth_to_ear_ms", "late_ms")
    plain = {name: value for name, value in asdict(side).items() if name not in lists}
    return plain | {name: _percentiles(getattr(side, name)) for name in lists}


def _joined(parts: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _percentiles(values: Sequence[float] | NDArray[np.float32]) -> Json | None:
    """None where there are no values."""
    if len(values) == 0:
        return None
    named = {f"p{which}": float(np.percentile(values, which)) for which in PERCENTILES}
    return {"count": len(values), "least": float(np.min(values)), **named, "most": float(np.max(values))}

"""What the ops API answers, as lines for a person."""

from __future__ import annotations

from typing import Any

COLUMNS = ("session", "name", "time", "denoise", "way", "RTF", "lost", "concealed", "delay")
UNITS = {"_ms": " ms", "_kbps": " kbit/s", "_rtf": " s/s"}


def call_lines(listed: dict[str, Any]) -> list[str]:
    """Every call with its sessions in a table."""
    if not listed["calls"]:
        return ["no calls"]
    rows = [_row(session) for call in listed["calls"] for session in call["sessions"]]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]

    def line(cells: tuple[str, ...]) -> str:
        return "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()

    lines, remaining = [line(COLUMNS)], iter(rows)
    for call in listed["calls"]:
        lines.append(f"call {call['call']}, room {call['room']!r}, {call['bitrate_kbps']:g} kbit/s")
        lines += [line(next(remaining)) for _ in call["sessions"]]
    return lines


def _row(session: dict[str, Any]) -> tuple[str, ...]:
    figures = session["figures"]
    head = (
        session["session"],
        repr(session["name"]),
        _time(session["seconds"]),
        "on" if session["denoise"] else "off",
        session["transport"] or "-",
    )
    if figures is None:
        return (*head, "-", "-", "-", "-")
    sent = figures["uplink_frames"] + figures["uplink_lost"]
    heard = sum(figures[f"downlink_{origin}"] for origin in ("played", "concealed", "noise"))
    return (
        *head,
        f"{figures['encode_rtf'] + figures['decode_rtf']:.3f}",
        _share(figures["uplink_lost"], sent),
        _share(figures["downlink_concealed"], heard),
        f"{figures['playout_delay_ms']:.0f} ms",
    )


def session_lines(session: dict[str, Any]) -> list[str]:
    """Everything about one session."""
    lines = [
        f"session {session['session']} of call {session['call']}",
        f"  name        {session['name']!r}",
        f"  in the call {_time(session['seconds'])}",
        f"  denoise     {'on' if session['denoise'] else 'off'}",
        f"  sound       {session['transport'] or 'no offer yet'}, {'open' if session['flowing'] else 'not open'}",
    ]
    for name, value in (session["figures"] or {}).items():
        unit = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), " frames")
        lines.append(f"  {name:<19}{value:g}{unit}")
    return lines


def capacity_lines(capacity: dict[str, Any]) -> list[str]:
    lines = [
        f"seats {capacity['seats_taken']} of {capacity['seats']} taken, calls {capacity['calls']}",
        f"late frames {capacity['late_frames']}",
        f"model {capacity['model_id']}, engine {capacity['engine']}",
    ]
    return [*lines, *(f"not ready: {reason}" for reason in capacity["reasons"])]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _time(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"

"""One quiet line that says how the call is going, on a terminal only."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TextIO

from client.call import Call

REFRESH_SECONDS = 0.5
_ERASE = "\r\x1b[K"


def status_text(call: Call, now: float) -> str:
    """What a person would want to know now; `now` is monotonic, in seconds."""
    if call.joined is None:
        return f"connecting to {call.plan.server}"
    if not call.others:
        return f"room {call.plan.room}: " + ("the other has left" if call.names else "waiting for someone to join")
    parts = [f"with {', '.join(call.others)}", f"{now - call.joined_at:.0f} s"]
    parts.append("clip ended" if call.clip.ended else f"clip {percent_played(call):.0f} %")
    parts.append(f"hearing {call.level_dbfs:.0f} dBFS" if call.level_dbfs > float("-inf") else "hearing nothing")
    parts.append(f"{call.bitrate_kbps:g} kbit/s")
    return " · ".join(parts)


def percent_played(call: Call) -> float:
    return 100 * call.clip.played / call.clip.frames


async def show(call: Call, stream: TextIO) -> None:
    """Keeps the line fresh until cancelled, then takes it away; does nothing where `stream` is no terminal."""
    if not stream.isatty():
        return
    try:
        while True:
            width = shutil.get_terminal_size().columns - 1
            stream.write(_ERASE + status_text(call, time.monotonic())[:width])
            stream.flush()
            await asyncio.sleep(REFRESH_SECONDS)
    finally:
        stream.write(_ERASE)
        stream.flush()

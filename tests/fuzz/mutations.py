"""Random damage, the same for the same seed."""

from __future__ import annotations

import json
from random import Random
from typing import Any

ODD_VALUES: list[Any] = [
    None, True, -1, 0, 2**31, 2**53, 1e308, "", "x", " ", "\x00", "\ud800", "é" * 64, "x" * 2000, [], {}, [[]],
    {"a": 1},
]  # fmt: skip


def damage_bytes(data: bytes, random: Random) -> bytes:
    """One to four of: a bit flipped, a byte set, a part cut out, put twice or moved, the end cut off, a tail."""
    damaged = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(damaged) + 1)
        until = min(len(damaged), at + random.choice((1, 1, 2, 4, 16, 100)))
        match random.randrange(6):
            case 0 if at < len(damaged):
                damaged[at] ^= 1 << random.randrange(8)
            case 1 if at < len(damaged):
                damaged[at] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
            case 2:
                del damaged[at:until]
            case 3:
                damaged[at:at] = damaged[at:until]
            case 4:
                del damaged[at:]
            case _:
                damaged += random.randbytes(random.choice((1, 3, 20, 700)))
    return bytes(damaged)


def damage_lines(text: str, random: Random) -> str:
    """An SDP with lines left out, doubled, exchanged, or damaged in themselves."""
    lines = text.split("\r\n")
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(lines))
        match random.randrange(5):
            case 0 if len(lines) > 1:
                del lines[at]
            case 1:
                lines.insert(at, random.choice(lines))
            case 2:
                words = lines[at].split(" ")
                words[random.randrange(len(words))] = random.choice(("", "0", "-1", "4294967296", "x", "a=b:c", "☎"))
                lines[at] = " ".join(words)
            case 3:
                lines[at] = damage_bytes(lines[at].encode(), random).decode("utf-8", "replace")
            case _:
                other = random.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
    return "\r\n".join(lines)


def damage_message(message: dict[str, Any], random: Random) -> str | bytes:
    """A signalling message with odd, missing or unknown fields, or that is no JSON any more."""
    damaged = dict(message)
    name = random.choice([*damaged, "unknown"])
    match random.randrange(6):
        case 0:
            damaged.pop(name, None)
        case 1 | 2:
            damaged[name] = random.choice(ODD_VALUES)
        case 3:
            return damage_bytes(json.dumps(damaged).encode(), random).decode("utf-8", "replace")
        case 4:
            return random.choice(
                (b"\x00\xff", "", "null", "[" * 50_000, '{"type":"ping","id":NaN}', "\ud800", "9" * 5000)
            )
        case _:
            damaged = {"type": random.choice(("join", "joined", "ping", "bye", "offer", "stats"))} | damaged
    return json.dumps(damaged)

"""Join tokens for the rooms of a load test, signed with the server's own secret (docs/security.md)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import jwt

from client.errors import CallError

VARIABLE = "THINLINE_TOKEN_SECRET"
LEAST_BYTES = 32  # RFC 7518, 3.2: a key as long as the hash at the least


class SecretError(CallError):
    """No secret to sign tokens with."""


def read_secret(path: Path | None, environment: Mapping[str, str]) -> str | None:
    """From the file, or else from the variable that the server reads; None where there is neither.

    Raises SecretError for what is no secret, OSError where there is no such file.
    """
    source = VARIABLE if path is None else str(path)
    text = environment.get(VARIABLE, "") if path is None else path.read_text(encoding="utf-8", errors="replace")
    secret = text.strip()
    if not secret and path is None:
        return None
    if len(secret.encode()) < LEAST_BYTES:
        raise SecretError(f"{source} holds no token secret: it is under {LEAST_BYTES} bytes")
    return secret


def token_for(room: str, secret: str, seconds: float) -> str:
    """A token that lets whoever has it into this room, from now on for so long."""
    now = int(time.time())
    claims = {"aud": "thinline", "iat": now, "exp": now + int(seconds), "role": "caller", "room": room}
    return jwt.encode(claims, secret, "HS256")

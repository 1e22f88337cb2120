"""Join tokens for the rooms of a load test, signed with the server's own secret (docs/security.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from client.errors import CallError
from server.protocol.token import SECRET_BYTES, sign_token

VARIABLE = "THINLINE_TOKEN_SECRET"


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
    if len(secret.encode()) < SECRET_BYTES:
        raise SecretError(f"{source} holds no token secret: it is under {SECRET_BYTES} bytes")
    return secret


def token_for(room: str, secret: str, seconds: float) -> str:
    """A token that lets whoever has it into this room, from now on for so long."""
    return sign_token({"role": "caller", "room": room}, secret, seconds)

"""How tokens are signed: what whoever makes them and the server that reads them must agree on.

A token is a JSON Web Token (RFC 7519), signed with HMAC-SHA256 (RFC 7518, 3.2); docs/security.md lists its claims.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import jwt

ALGORITHM = "HS256"
AUDIENCE = "thinline"
SECRET_BYTES = 32  # RFC 7518, 3.2: a key as long as the hash at the least


def sign_token(claims: Mapping[str, str | float], secret: str, lifetime_seconds: float) -> str:
    """A token with these claims that counts from now on."""
    now = int(time.time())
    times = {"aud": AUDIENCE, "iat": now, "exp": now + int(lifetime_seconds)}
    return jwt.encode({**times, **claims}, secret, ALGORITHM)

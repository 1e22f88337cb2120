"""Who may do what here: signed tokens that expire, and who needs none.

    AuthError                  there is no right to this; the text is for the person who asked
      UnauthenticatedError     no token, or none that counts: forged, expired, not meant for this (HTTP 401)
      ForbiddenError           a good token, but for something else (HTTP 403)
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

import jwt

from server.protocol.token import ALGORITHM, AUDIENCE, SECRET_BYTES, sign_token

LEEWAY_SECONDS = 10  # the issuer's clock may be a little ahead or behind


class AuthError(Exception):
    """There is no right to this."""


class UnauthenticatedError(AuthError):
    """No token, or none that counts."""


class ForbiddenError(AuthError):
    """A good token, but for something else."""


class Role(StrEnum):
    CALLER = "caller"  # takes a seat in the one room that the token names
    OPS = "ops"  # watches and steers the node; takes no seat


class Opening(StrEnum):
    """Who may call without a token. Operators always need one."""

    NOBODY = "nobody"
    LOCAL = "local"  # programs on this machine
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one may do. `name` None: any name; `room` None, of a caller without a token: any room.

    `max_kbps` bounds the bitrate that this caller may ask for, `max_seconds` the time in the call.
    """

    role: Role = Role.CALLER
    room: str | None = None
    name: str | None = None
    max_kbps: float | None = None
    max_seconds: float | None = None


def is_loopback_name(host: str) -> bool:
    """Whether only this machine can be meant by this name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def new_secret() -> str:
    """A secret to sign with: 256 random bits as text."""
    return secrets.token_urlsafe(SECRET_BYTES)


class Authority:
    """Signs and judges tokens. Without a secret no token counts, and nobody is an operator."""

    def __init__(self, secret: str | None = None, opening: Opening = Opening.LOCAL) -> None:
        self._secret = secret
        self._opening = opening

    def issue(self, grant: Grant, lifetime_seconds: float) -> str:
        """A token that gives this right, from now on. Raises ForbiddenError where there is no secret to sign with."""
        if self._secret is None:
            raise ForbiddenError("there is no token secret to sign with")
        claims = {
            "role": str(grant.role),
            "room": grant.room,
            "sub": grant.name,
            "max_kbps": grant.max_kbps,
            "max_seconds": grant.max_seconds,
        }
        given = {name: value for name, value in claims.items() if value is not None}
        return sign_token(given, self._secret, lifetime_seconds)

    def admit(self, token: str | None, room: str, local: bool) -> Grant:
        """The right to call in this room; `local`: the client is a program on this machine. Raises AuthError."""
        if token is None or self._secret is None:
            if self._opening is Opening.EVERYBODY or (self._opening is Opening.LOCAL and local):
                return Grant()
            raise UnauthenticatedError(self._why_not())
        grant = self._read(token)
        if grant.role is not Role.CALLER:
            raise ForbiddenError(f"this token is for the role {grant.role}, which takes no part in calls")
        if grant.room != room:
            raise ForbiddenError("this token is for another room")
        return grant

    def operator(self, token: str | None) -> str:
        """The name of the operator whose token this is. Raises AuthError."""
        if self._secret is None:
            raise UnauthenticatedError("this node has no token secret, so it has no operators")
        if token is None:
            raise UnauthenticatedError("operators need a token: thinline token --role ops --name NAME makes one")
        grant = self._read(token)
        if grant.role is not Role.OPS or grant.name is None:
            raise ForbiddenError(f"this token is for the role {grant.role}, not for an operator")
        return grant.name

    def _why_not(self) -> str:
        if self._opening is Opening.LOCAL:
            return "this server takes calls from its own machine only, under the name localhost"
        return "this server wants a token: ask whoever runs it for a link"

    def _read(self, token: str) -> Grant:
        """The right that a token gives. Raises UnauthenticatedError."""
        try:
            claims = jwt.decode(
                token,
                self._secret or "",
                [ALGORITHM],
                audience=AUDIENCE,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise UnauthenticatedError("this token has expired: ask for a new link") from None
        except jwt.ImmatureSignatureError:
            raise UnauthenticatedError("this token is not valid yet") from None
        except jwt.InvalidSignatureError:
            raise UnauthenticatedError("this token was not signed by this server") from None
        except jwt.InvalidTokenError as error:
            raise UnauthenticatedError(f"this token can't be used: {error}") from None
        return _grant(claims)


def _grant(claims: dict[str, Any]) -> Grant:
    """What signed claims give, for an issuer may be mistaken too. Raises UnauthenticatedError."""
    role, room, name = claims.get("role"), claims.get("room"), claims.get("sub")
    if role not in list(Role):
        raise UnauthenticatedError(f"this token's role is none of {', '.join(Role)}")
    if not (isinstance(room, str) if role == Role.CALLER else room is None):
        raise UnauthenticatedError("a caller's token names a room, and no other does")
    if not isinstance(name, str) and (name is not None or role == Role.OPS):
        raise UnauthenticatedError("this token's sub is no name")
    return Grant(Role(role), room, name, _positive(claims, "max_kbps"), _positive(claims, "max_seconds"))


def _positive(claims: dict[str, Any], claim: str) -> float | None:
    value = claims.get(claim)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise UnauthenticatedError(f"this token's {claim} is no positive number")
    return float(value)

"""TURN credentials as coturn reckons them."""

from __future__ import annotations

import base64
import hashlib
import hmac

from server.turn import LIFETIME_SECONDS, TurnServers

TURN = TurnServers(("turn:turn.example.org", "turns:turn.example.org"), "north")


def test_credentials_say_when_they_end_and_are_signed() -> None:
    server = TURN.credentials("ada", 1_700_000_000.9)
    assert server.urls == TURN.urls
    assert server.username == f"{1_700_000_000 + LIFETIME_SECONDS}:ada"
    mac = hmac.new(b"north", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential or "") == mac


def test_everyone_has_their_own() -> None:
    assert TURN.credentials("ada", 0) != TURN.credentials("bob", 0)


def test_the_secret_is_not_shown() -> None:
    assert "north" not in repr(TURN)
    assert (TURN.credentials("ada", 0).credential or "") not in repr(TURN.credentials("ada", 0))

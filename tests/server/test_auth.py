"""Tokens: what lets in, what doesn't, and what the refusal says."""

from __future__ import annotations

import base64
import json
import time

import jwt
import pytest

from server.auth import (
    AUDIENCE,
    AuthError,
    Authority,
    ForbiddenError,
    Grant,
    Opening,
    Role,
    UnauthenticatedError,
    is_loopback_name,
    new_secret,
)

SECRET = new_secret()
CALLER = Grant(Role.CALLER, "kitchen", "Ada", 6.0, 90.0)
OPERATOR = Grant(Role.OPS, name="root")


@pytest.fixture
def authority() -> Authority:
    return Authority(SECRET, Opening.NOBODY)


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    whole = {"aud": AUDIENCE, "exp": int(time.time()) + 3600, "role": "caller", "room": "kitchen"} | claims
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, secret, algorithm)


@pytest.mark.parametrize("grant", [CALLER, Grant(Role.CALLER, "kitchen")], ids=["all", "least"])
def test_a_token_gives_what_it_was_issued_for(authority: Authority, grant: Grant) -> None:
    assert authority.admit(authority.issue(grant, 60), "kitchen", local=False) == grant


def test_an_operator_is_known_by_name(authority: Authority) -> None:
    assert authority.operator(authority.issue(OPERATOR, 60)) == "root"


@pytest.mark.parametrize(
    ("token", "error", "says"),
    [
        (None, UnauthenticatedError, "wants a token"),
        ("", UnauthenticatedError, "can't be used"),
        ("a.b.c", UnauthenticatedError, "can't be used"),
        ("€" * 100, UnauthenticatedError, "can't be used"),
        (signed(new_secret()), UnauthenticatedError, "not signed by this server"),
        (signed(exp=1), UnauthenticatedError, "expired"),
        (signed(exp=None), UnauthenticatedError, "exp"),
        (signed(nbf=int(time.time()) + 3600), UnauthenticatedError, "not valid yet"),
        (signed(aud="elsewhere"), UnauthenticatedError, "udience"),
        (signed(aud=None), UnauthenticatedError, "aud"),
        (signed(role="king"), UnauthenticatedError, "role is none of caller, ops"),
        (signed(role=["caller"]), UnauthenticatedError, "role is none of"),
        (signed(role=None), UnauthenticatedError, "role is none of"),
        (signed(room=None), UnauthenticatedError, "names a room"),
        (signed(room=3), UnauthenticatedError, "names a room"),
        (signed(max_kbps=-1), UnauthenticatedError, "max_kbps is no positive number"),
        (signed(max_kbps=True), UnauthenticatedError, "max_kbps is no positive number"),
        (signed(max_seconds="1"), UnauthenticatedError, "max_seconds is no positive number"),
        (signed(room="attic"), ForbiddenError, "another room"),
        (signed(role="ops", room=None, sub="root"), ForbiddenError, "takes no part in calls"),
        (signed(algorithm="HS384", secret=new_secret() * 2), UnauthenticatedError, "can't be used"),
    ],
)
def test_nobody_gets_in_without_right(
    authority: Authority, token: str | None, error: type[AuthError], says: str
) -> None:
    with pytest.raises(error, match=says):
        authority.admit(token, "kitchen", local=True)


def test_a_token_that_claims_to_need_no_signature_is_none(authority: Authority) -> None:
    header, claims = (
        {"alg": "none", "typ": "JWT"},
        {"aud": AUDIENCE, "exp": time.time() + 60, "role": "ops", "sub": "x"},
    )
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    with pytest.raises(UnauthenticatedError):
        authority.operator(".".join([*parts, ""]))


@pytest.mark.parametrize("token", [None, signed(), signed(role="ops", room=None)], ids=["none", "caller", "nameless"])
def test_nobody_becomes_an_operator_without_right(authority: Authority, token: str | None) -> None:
    with pytest.raises(AuthError):
        authority.operator(token)


@pytest.mark.parametrize("opening", Opening)
def test_operators_need_a_token_however_open_the_node_is(opening: Opening) -> None:
    with pytest.raises(UnauthenticatedError, match="no token secret"):
        Authority(None, opening).operator(signed(role="ops", room=None, sub="root"))
    with pytest.raises(UnauthenticatedError, match="need a token"):
        Authority(SECRET, opening).operator(None)


@pytest.mark.parametrize("secret", [None, SECRET], ids=["no-secret", "secret"])
@pytest.mark.parametrize(
    ("opening", "local", "comes_in"),
    [
        (Opening.EVERYBODY, False, True),
        (Opening.LOCAL, True, True),
        (Opening.LOCAL, False, False),
        (Opening.NOBODY, True, False),
    ],
)
def test_who_comes_in_without_a_token(secret: str | None, opening: Opening, local: bool, comes_in: bool) -> None:
    authority = Authority(secret, opening)
    if comes_in:
        assert authority.admit(None, "kitchen", local) == Grant()
    else:
        with pytest.raises(UnauthenticatedError):
            authority.admit(None, "kitchen", local)


def test_where_nothing_can_be_checked_a_token_changes_nothing() -> None:
    assert Authority(None, Opening.EVERYBODY).admit(signed(new_secret()), "attic", local=False) == Grant()
    with pytest.raises(UnauthenticatedError):
        Authority(None, Opening.LOCAL).admit(signed(), "kitchen", local=False)
    with pytest.raises(ForbiddenError, match="no token secret"):
        Authority(None).issue(CALLER, 60)


def test_an_open_node_still_keeps_to_a_token(authority: Authority) -> None:
    with pytest.raises(ForbiddenError, match="another room"):
        Authority(SECRET, Opening.EVERYBODY).admit(signed(), "attic", local=True)


@pytest.mark.parametrize(
    ("name", "here"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
     ("0.0.0.0", False), ("::", False), ("", False), ("192.0.2.1", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_names_of_this_machine(name: str, here: bool) -> None:
    assert is_loopback_name(name) is here

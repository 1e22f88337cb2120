"""Where requests come from: directly, through proxies that are believed, and through those that are not."""

from __future__ import annotations

from ipaddress import ip_network
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from server.auth import ForbiddenError, UnauthenticatedError
from server.http.visitors import Visitors, bearer_token, refusal
from server.session import Visitor

PROXIES = Visitors([ip_network("127.0.0.1"), ip_network("10.0.0.0/8")])


def request(remote: str = "127.0.0.1", **headers: str) -> web.Request:
    transport = Mock()
    transport.get_extra_info = lambda name, default=None: (remote, 40000) if name == "peername" else default
    named = {"Host": "localhost:8080"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/ws", headers=named, transport=transport)


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "a.localhost"])
@pytest.mark.parametrize("remote", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_program_on_this_machine_is_local(remote: str, host: str) -> None:
    assert Visitors().visitor(request(remote, Host=host)).local


@pytest.mark.parametrize(
    ("remote", "headers"),
    [
        ("192.0.2.1", {}),
        ("127.0.0.1", {"Host": "call.example.org"}),
        ("127.0.0.1", {"Host": "rebound.example:8080"}),
        ("127.0.0.1", {"Host": "["}),
        ("127.0.0.1", {"Host": ""}),
        ("127.0.0.1", {"X_Forwarded_For": "192.0.2.1"}),
        ("127.0.0.1", {"X_Forwarded_For": "127.0.0.1"}),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", {"Via": "1.1 proxy"}),
        ("", {}),
    ],
)
def test_whoever_comes_from_elsewhere_is_not(remote: str, headers: dict[str, str]) -> None:
    for visitors in (Visitors(), PROXIES):
        assert not visitors.visitor(request(remote, **headers)).local


@pytest.mark.parametrize(
    ("visitors", "remote", "forwarded", "address"),
    [
        (Visitors(), "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (PROXIES, "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (PROXIES, "127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (PROXIES, "127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (PROXIES, "127.0.0.1", "203.0.113.9, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        (PROXIES, "127.0.0.1", "nonsense, 10.1.2.3", "10.1.2.3"),
        (PROXIES, "127.0.0.1", "2001:db8::1", "2001:db8::1"),
        (PROXIES, "127.0.0.1", "", "127.0.0.1"),
        (PROXIES, "", "198.51.100.7", ""),
    ],
)
def test_only_trusted_proxies_are_believed(visitors: Visitors, remote: str, forwarded: str, address: str) -> None:
    assert visitors.visitor(request(remote, X_Forwarded_For=forwarded)).address == address


@pytest.mark.parametrize(
    ("address", "here"), [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False), ("", False)], ids=str
)
def test_the_loopback_is_a_way_for_whoever_comes_over_it(address: str, here: bool) -> None:
    assert Visitor(address, local=False).loopback is here


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic ab", None),
        ("", None),
    ],
)
def test_bearer_tokens(header: str, token: str | None) -> None:
    assert bearer_token(request(Authorization=header)) == token


def test_refusals_say_why_and_what_is_wanted() -> None:
    unauthenticated, forbidden = refusal(UnauthenticatedError("no token")), refusal(ForbiddenError("not this room"))
    assert (unauthenticated.status, unauthenticated.text) == (401, "no token\n")
    assert unauthenticated.headers["WWW-Authenticate"].startswith("Bearer")
    assert (forbidden.status, forbidden.text) == (403, "not this room\n")

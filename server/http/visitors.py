"""Where a request comes from, proxies in between allowed for, and what it brings as its right."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from aiohttp import web

from server.auth import AuthError, ForbiddenError, is_loopback_name
from server.session import Visitor

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")  # what proxies add


class Visitors:
    """`trusted`: the proxies whose `X-Forwarded-For` is believed."""

    def __init__(self, trusted: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def visitor(self, request: web.Request) -> Visitor:
        """Who sent this request."""
        address = self._address(request)
        direct = not any(header in request.headers for header in FORWARDED)
        local = direct and address is not None and address.is_loopback and _asked_for_this_machine(request)
        return Visitor("" if address is None else str(address), local)

    def _address(self, request: web.Request) -> IPv4Address | IPv6Address | None:
        """The nearest address that is no trusted proxy: what stands further left may be anyone's invention."""
        address = _parse(request.remote or "")
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        while address is not None and forwarded and any(address in network for network in self._trusted):
            before = _parse(forwarded.pop())
            if before is None:
                break
            address = before
        return address


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _asked_for_this_machine(request: web.Request) -> bool:
    """Whether the Host header is a name of this machine. A page elsewhere whose name was pointed here has its own."""
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return False
    return is_loopback_name(host)


def bearer_token(request: web.Request) -> str | None:
    """The token of `Authorization: Bearer TOKEN` (RFC 6750, 2.1), or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def refusal(error: AuthError) -> web.HTTPException:
    """The answer to a request without the right to what it asks for: 401 or 403, to be raised."""
    text = f"{error}\n"
    if isinstance(error, ForbiddenError):
        return web.HTTPForbidden(text=text)
    return web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": 'Bearer realm="thinline"'})

"""Which of this machine's addresses the caller offers."""

from __future__ import annotations

from contextvars import ContextVar

import aioice.ice

_loopback: ContextVar[bool] = ContextVar("loopback", default=False)
_gathered = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    addresses = list(_gathered(use_ipv4=use_ipv4, use_ipv6=use_ipv6))
    return ["127.0.0.1", *addresses] if use_ipv4 and _loopback.get() else addresses


aioice.ice.get_host_addresses = _host_addresses


def offer_loopback() -> None:
    """From now on this task, and what it starts, offers 127.0.0.1 too: aioice leaves it out, and a server may listen
    only there."""
    _loopback.set(True)

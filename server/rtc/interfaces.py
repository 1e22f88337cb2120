"""Which of this machine's addresses a peer connection offers.

aioice leaves the loopback address out, and takes no argument about it; but a call between two windows on one machine
may have no other. So its gathering is wrapped once, and a context variable says for whom the loopback counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import aioice.ice

LOOPBACK = "127.0.0.1"

_loopback: ContextVar[bool] = ContextVar("loopback", default=False)
_gathered = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    addresses = list(_gathered(use_ipv4=use_ipv4, use_ipv6=use_ipv6))
    if use_ipv4 and _loopback.get() and LOOPBACK not in addresses:
        addresses.append(LOOPBACK)
    return addresses


aioice.ice.get_host_addresses = _host_addresses


def host_addresses() -> list[str]:
    """The addresses under which other machines may reach this one."""
    return list(_gathered(use_ipv4=True, use_ipv6=True))


@contextmanager
def loopback_offered(wanted: bool) -> Iterator[None]:
    """What gathers candidates inside, tasks begun here included, offers 127.0.0.1 too if `wanted`."""
    token = _loopback.set(wanted)
    try:
        yield
    finally:
        _loopback.reset(token)

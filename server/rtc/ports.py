"""From which UDP ports the sound goes, and under which address the server offers itself.

aioice binds every socket to a port that the kernel picks, on every address of the machine, and offers just these. But a
container can publish a range of ports only, and behind a NAT that maps one address to another, a machine does not know
the one by which it can be reached. So the gathering of host candidates is replaced where either was asked for: one
setting for the process, as the ports are the process's.
"""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import dataclass
from typing import Any

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol, server_reflexive_candidate

from server.rtc.interfaces import LOOPBACK, host_addresses

RECEIVE_BUFFER_BYTES = 256 * 1024  # as aioice has it
STUN_SECONDS = 5.0
ANY_ADDRESS = {4: "0.0.0.0", 6: "::"}


@dataclass(frozen=True, slots=True)
class Exposure:
    """`ports`: the first and the last; None: any. `public_address`: offered in place of the machine's own."""

    ports: tuple[int, int] | None = None
    public_address: str | None = None


class NoPortError(OSError):
    """All ports of the range are taken."""


_exposure = Exposure()
_gather = Connection.get_component_candidates


def expose(exposure: Exposure) -> None:
    """Peer connections that are made from now on keep to this."""
    global _exposure
    _exposure = exposure


async def _get_component_candidates(
    self: Connection, component: int, addresses: list[str], timeout: int = 5
) -> list[Candidate]:
    if _exposure == Exposure() or not addresses:
        return await _gather(self, component, addresses, timeout)
    hosts = []
    for bound, offered in _places(addresses):
        hosts.append(await _host(self, component, bound, offered))
        self._protocols.append(hosts[-1])  # at once: closing the connection closes these
    relayed = await _gather(self, component, [], timeout)
    return [*(host.local_candidate for host in hosts), *await _reflexive(self, hosts), *relayed]


Connection.get_component_candidates = _get_component_candidates  # type: ignore[method-assign]


def _places(addresses: list[str]) -> list[tuple[str, str]]:
    """Where to bind, and what to offer for it."""
    public = _exposure.public_address
    if public is None:
        return [(address, address) for address in addresses]
    version = 6 if ":" in public else 4
    bound = public if public in host_addresses() else ANY_ADDRESS[version]
    return [(bound, public), *((address, address) for address in addresses if address == LOOPBACK)]


async def _host(connection: Connection, component: int, bound: str, offered: str) -> StunProtocol:
    protocol = await _bind(connection, bound)
    protocol.local_candidate = Candidate(
        foundation=candidate_foundation("host", "udp", offered),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=offered,
        port=protocol.transport.get_extra_info("sockname")[1],
        type="host",
    )
    return protocol


async def _bind(connection: Connection, address: str) -> StunProtocol:
    """On the first free port of the range, from anywhere in it. Raises NoPortError."""
    loop = asyncio.get_running_loop()
    for port in _ports():
        try:
            transport, protocol = await loop.create_datagram_endpoint(
                lambda: StunProtocol(connection), local_addr=(address, port)
            )
        except OSError:
            continue
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        return protocol
    raise NoPortError(f"no UDP port is free on {address}" + _within())


def _ports() -> list[int]:
    if _exposure.ports is None:
        return [0]
    first, last = _exposure.ports
    start = random.randint(first, last)
    return [*range(start, last + 1), *range(first, start)]


def _within() -> str:
    return "" if _exposure.ports is None else f": udp_ports {_exposure.ports[0]}-{_exposure.ports[1]} are all taken"


async def _reflexive(connection: Connection, hosts: list[StunProtocol]) -> list[Candidate]:
    """What a STUN server sees, as aioice does it, where there is one."""
    if connection.stun_server is None:
        return []
    asked = [host for host in hosts if ":" not in host.local_candidate.host]
    questions = (server_reflexive_candidate(host, connection.stun_server) for host in asked)
    waits = (asyncio.wait_for(question, STUN_SECONDS) for question in questions)
    answers: list[Any] = await asyncio.gather(*waits, return_exceptions=True)
    return [answer[0] for answer in answers if not isinstance(answer, BaseException)]

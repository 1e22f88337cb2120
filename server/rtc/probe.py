"""Asks a STUN or TURN server once, to see whether it would help a call."""

from __future__ import annotations

import asyncio

from aioice import Connection, stun, turn
from aiortc.rtcicetransport import parse_stun_turn_uri

PROBE_SECONDS = 6.0


class ProbeError(Exception):
    """The server does not answer, or refuses; the text says what it was."""


async def probe_ice_server(url: str, username: str | None, credential: str | None) -> str:
    """What the server said: the address that it sees, or the one that it relays. Raises ProbeError."""
    try:
        parts = parse_stun_turn_uri(url)
    except ValueError as error:
        raise ProbeError(f"{url} is no address of a STUN or TURN server: {error}") from None
    address = (str(parts["host"]), int(parts["port"]))
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            if parts["scheme"] in ("stun", "stuns"):
                return await _bind(address)
            tls = parts["scheme"] == "turns"
            return await _allocate(address, username, credential, tls, str(parts["transport"]))
    except TimeoutError:
        raise ProbeError(f"no answer within {PROBE_SECONDS:g} s") from None
    except stun.TransactionFailed as error:
        code, reason = error.response.attributes.get("ERROR-CODE", ("?", "no reason given"))
        raise ProbeError(f"it refuses: {code} {reason}") from None
    except stun.TransactionError:
        raise ProbeError("no answer") from None
    except OSError as error:
        raise ProbeError(error.strerror or str(error)) from None


async def _bind(address: tuple[str, int]) -> str:
    connection = Connection(ice_controlling=True, stun_server=address, use_ipv6=False)
    try:
        await connection.gather_candidates()
        seen = [candidate.host for candidate in connection.local_candidates if candidate.type == "srflx"]
    finally:
        await connection.close()
    if not seen:
        raise ProbeError("no answer to a STUN binding request")
    return f"it sees this machine as {seen[0]}"


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()


async def _allocate(
    address: tuple[str, int], username: str | None, credential: str | None, tls: bool, transport: str
) -> str:
    relay, receiver = await turn.create_turn_endpoint(
        _Receiver, address, username, credential, ssl=tls or None, transport=transport
    )
    try:
        return f"it relays from {relay.get_extra_info('sockname')[0]}"
    finally:
        relay.close()
        await receiver.closed.wait()  # the allocation is given back

"""What a join must pass before it gets a seat."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from server.auth import AuthError, Grant
from server.media.plane import BitrateError
from server.protocol import Error, Join
from server.session.inbox import EndingError
from server.session.node import Node
from server.session.visitor import Visitor

CHECK_SECONDS = 30.0
CHECKS_PER_ADDRESS = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A join that may have a seat, if there is one. `bitrate_kbps` holds if it makes the room.

    `check`: it is alone in a room of its own, hears itself, and not for long.
    """

    room: str
    name: str
    denoise: bool
    bitrate_kbps: float
    grant: Grant
    check: bool


def pass_entrance(node: Node, join: Join, visitor: Visitor) -> Entry:
    """Raises EndingError for a join that may not come in."""
    if node.draining:
        raise EndingError("failed", Error("draining", "this server takes no new calls at present: it is going down"))
    try:
        grant = node.authority.admit(join.token, join.room, visitor.local)
        bitrate_kbps = _bitrate(node, join, grant)
    except AuthError as error:
        raise EndingError("failed", Error("unauthorized", str(error))) from None
    except BitrateError as error:
        raise EndingError("failed", Error("bitrate", str(error))) from None
    _check_household(node, visitor)
    room = join.room
    if join.check:
        _check_checks(node, visitor)
        room = f"check {secrets.token_hex(16)}"  # nobody can guess their way in
        grant = replace(grant, max_seconds=min(grant.max_seconds or CHECK_SECONDS, CHECK_SECONDS))
    return Entry(room, grant.name or join.name, join.denoise, bitrate_kbps, grant, join.check)


def _check_household(node: Node, visitor: Visitor) -> None:
    """Raises EndingError where one address would have too many seats."""
    household, most = visitor.household, node.limits.seats_per_address
    if not household:
        return
    taken = sum(member.visitor.household == household for room in node.rooms for member in room.members)
    if taken >= most:
        text = f"all {most} seats that one address may have here are taken from yours"
        raise EndingError("failed", Error("address-full", text))


def _check_checks(node: Node, visitor: Visitor) -> None:
    """Raises EndingError where one address would check too much: a token opens one room, and a check is beyond it."""
    household = visitor.household
    running = sum(
        member.checks and member.visitor.household == household for room in node.rooms for member in room.members
    )
    if household and running >= CHECKS_PER_ADDRESS:
        raise EndingError("failed", Error("address-full", f"{running} checks run from your address already"))


def _bitrate(node: Node, join: Join, grant: Grant) -> float:
    """The one that was asked for, or the node's own within the grant."""
    if join.bitrate_kbps is not None:
        check_bitrate(node, join.bitrate_kbps, grant)
        return join.bitrate_kbps
    most = node.bitrate_kbps if grant.max_kbps is None else min(node.bitrate_kbps, grant.max_kbps)
    lowest = node.media.config.bitrates_kbps[0]
    return max((kbps for kbps in node.media.config.bitrates_kbps if kbps <= most), default=lowest)


def check_bitrate(node: Node, bitrate_kbps: float, grant: Grant) -> None:
    """Raises BitrateError for what is no bitrate, or more than the grant allows."""
    node.media.n_q(bitrate_kbps)
    if grant.max_kbps is not None and bitrate_kbps > grant.max_kbps:
        raise BitrateError(f"this token allows {grant.max_kbps:g} kbit/s at most, not {bitrate_kbps:g}")

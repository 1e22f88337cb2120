"""What a join must pass before it gets a seat."""

from __future__ import annotations

from dataclasses import dataclass

from server.auth import AuthError, Grant
from server.media.plane import BitrateError
from server.protocol import Error, Join
from server.session.inbox import EndingError
from server.session.node import Node
from server.session.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Entry:
    """A join that may have a seat, if there is one. `bitrate_kbps` holds if it makes the room."""

    room: str
    name: str
    denoise: bool
    bitrate_kbps: float
    grant: Grant


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
    return Entry(join.room, grant.name or join.name, join.denoise, bitrate_kbps, grant)


def _check_household(node: Node, visitor: Visitor) -> None:
    """Raises EndingError where one address would have too many seats."""
    household, most = visitor.household, node.limits.seats_per_address
    if not household:
        return
    taken = sum(member.visitor.household == household for room in node.rooms for member in room.members)
    if taken >= most:
        text = f"all {most} seats that one address may have here are taken from yours"
        raise EndingError("failed", Error("address-full", text))


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

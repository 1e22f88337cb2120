"""Who is at the other end of a socket, as far as the connection tells."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

SUBSCRIBER_BITS = 64  # an IPv6 subscriber has a whole network of that prefix


@dataclass(frozen=True, slots=True)
class Visitor:
    """`address`: where from, "" where unknown. `local`: a program on this machine, which asked for it as localhost."""

    address: str
    local: bool

    @property
    def loopback(self) -> bool:
        """Whether 127.0.0.1 may be a way for the sound."""
        try:
            return ip_address(self.address).is_loopback
        except ValueError:
            return False

    @property
    def household(self) -> str:
        """What shares limits with this address: itself, or the network of an IPv6 subscriber. "" where none apply."""
        try:
            address = ip_address(self.address)
        except ValueError:
            return ""
        if address.is_loopback:
            return ""
        if isinstance(address, IPv6Address):
            return str(ip_network((address, SUBSCRIBER_BITS), strict=False))
        return str(address)

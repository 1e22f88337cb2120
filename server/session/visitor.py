"""Who is at the other end of a socket, as far as the connection tells."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address


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

"""Credentials for a TURN server, made for one participant and good for a while.

coturn calls this the TURN REST API (draft-uberti-behave-turn-rest-00): the user name says until when it counts,
the password is the HMAC-SHA1 of the user name under a secret that only this server and the TURN server know.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field

from server.protocol import IceServer

LIFETIME_SECONDS = 12 * 3600  # a relay asks for them when it begins; so they outlive a long call's last reconnection


@dataclass(frozen=True, slots=True)
class TurnServers:
    """`secret`: coturn's `static-auth-secret`."""

    urls: tuple[str, ...]
    secret: str = field(repr=False)

    def credentials(self, user: str, now_seconds: float) -> IceServer:
        """What `user` may use until LIFETIME_SECONDS from now, in seconds since 1970."""
        username = f"{int(now_seconds) + LIFETIME_SECONDS}:{user}"
        digest = hmac.digest(self.secret.encode(), username.encode(), "sha1")
        return IceServer(self.urls, username, base64.b64encode(digest).decode())

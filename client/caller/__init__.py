"""The headless WebRTC peer: the client's only use of aiortc."""

from client.caller.caller import Caller
from client.caller.loopback import offer_loopback

__all__ = ["Caller", "offer_loopback"]

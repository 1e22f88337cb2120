"""The server-side life of one participant."""

from server.session.node import Limits, Node
from server.session.session import Session, Socket

__all__ = ["Limits", "Node", "Session", "Socket"]

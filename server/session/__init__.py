"""The server-side life of one participant."""

from server.session.link import Socket
from server.session.node import Limits, Node
from server.session.session import Session, attend
from server.session.visitor import Visitor

__all__ = ["Limits", "Node", "Session", "Socket", "Visitor", "attend"]

"""The server-side life of one participant."""

from server.session.node import Limits, Node
from server.session.session import Session, Socket
from server.session.visitor import Visitor

__all__ = ["Limits", "Node", "Session", "Socket", "Visitor"]

"""One socket, and the session that it speaks to at the moment."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Protocol

from server.protocol import ServerMessage, serialise
from server.session.inbox import Heard, SocketGone
from server.session.visitor import Visitor

if TYPE_CHECKING:
    from server.session.session import Session


class Socket(Protocol):
    """A signalling socket as sessions see it."""

    async def receive(self) -> str | bytes | None:
        """The next message; None when the socket is gone."""

    async def send(self, text: str) -> None:
        """Sends a message; does nothing where the socket is gone."""

    @property
    def closed_in_order(self) -> bool:
        """Whether it ended because the client wanted it so, and not because the network broke."""


class Link:
    """Reads its socket for as long as that lives, or until the session lets go of it. A client that comes back after a
    break brings a new one, which then speaks to the old session."""

    def __init__(self, socket: Socket, visitor: Visitor, owner: Session) -> None:
        self._socket = socket
        self.visitor = visitor
        self.owner = owner
        self._reading: asyncio.Task[None] | None = None

    @property
    def closed_in_order(self) -> bool:
        return self._socket.closed_in_order

    async def serve(self) -> None:
        """Moves messages from the socket to the owner's inbox. Returns when there will be no more."""
        self._reading = asyncio.create_task(self._read(), name="signalling")
        try:
            await asyncio.wait([self._reading])
        finally:
            self._reading.cancel()
            self.owner.post(SocketGone(self))

    async def tell(self, message: ServerMessage) -> None:
        await self._socket.send(serialise(message))

    def let_go(self) -> None:
        """Nothing more is read: `serve` returns, and whoever called it closes the socket."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        with suppress(ConnectionError):
            while (text := await self._socket.receive()) is not None:
                self.owner.post(Heard(text))
                await self.owner.catch_up()


class Tether:
    """A session's hold on its client: by which link, and since when by none."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self._lost_at: float | None = None

    def take(self, link: Link) -> None:
        """From now on by this link."""
        if self.link is not None:
            self.link.let_go()
        self.link, self._lost_at = link, None

    def give_away(self) -> Link:
        """Another session's tether takes it over."""
        assert self.link is not None
        link, self.link = self.link, None
        return link

    def lose(self, link: Link) -> bool:
        """Takes note that a link is gone; whether its client is missed now, and may come back with another one."""
        if link is not self.link or link.closed_in_order:
            return False
        self._lost_at = time.monotonic()
        return True

    def missed_in(self, patience_seconds: float, now: float) -> float:
        """Seconds until the patience with a lost client ends."""
        return inf if self._lost_at is None else self._lost_at + patience_seconds - now

    async def tell(self, message: ServerMessage) -> None:
        if self.link is not None:
            await self.link.tell(message)

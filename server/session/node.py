"""What all sessions of one server process share."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.auth import Authority
from server.media.plane import MediaPlane
from server.protocol import Draining, IceServer, ServerMessage
from server.rooms import Rooms
from server.session.books import Books
from server.session.drain import Drain
from server.session.inbox import Relay, Shutdown
from server.turn import TurnServers

if TYPE_CHECKING:
    from server.session.session import Session

DRAIN_POLL_SECONDS = 0.1

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session waits for what must come, how often it reports, and how much may come; seconds."""

    join_seconds: float = 15.0
    open_seconds: float = 15.0  # for the data channel, from the join or the newest offer on
    media_seconds: float = 4.0  # without a frame; so the others hear of it within 5 s
    stats_seconds: float = 1.0
    heartbeat_seconds: float = 3.0  # a socket that answers no ping for half of this is dead
    resume_seconds: float = 30.0  # a seat is kept so long without a socket, while the sound goes on
    farewell_seconds: float = 5.0  # for all sessions to end when the node does
    seats_per_address: int = 16
    sockets_per_address: int = 32  # those in calls included; a join must come soon on the others
    messages_per_second: float = 50.0  # on one socket, for long
    messages_at_once: int = 600  # and before that counts


@dataclass(slots=True)
class Node:
    """One server process, as its sessions see it. `bitrate_kbps` is for rooms whose first member names none."""

    media: MediaPlane
    rooms: Rooms[Session]
    bitrate_kbps: float
    ice_servers: tuple[IceServer, ...] = ()
    limits: Limits = field(default_factory=Limits)
    authority: Authority = field(default_factory=Authority)
    sessions: set[Session] = field(default_factory=set)
    resumable: dict[str, Session] = field(default_factory=dict)  # those with a seat, by their resume tokens
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    books: Books = field(default_factory=Books)
    turn: TurnServers | None = None
    _drain: Drain = field(init=False)

    def __post_init__(self) -> None:
        self._drain = Drain(self.end_sessions)

    @property
    def draining(self) -> bool:
        """Whether it takes nothing new."""
        return self._drain.active

    def ice_servers_for(self, session: str) -> tuple[IceServer, ...]:
        """What a client may use to find a way: the TURN credentials are this session's own."""
        if self.turn is None:
            return self.ice_servers
        return (*self.ice_servers, self.turn.credentials(session, time.time()))

    def unready(self) -> list[str]:
        """Why this node should get no calls; empty when it should. The engine was loaded before the node was made."""
        reasons = []
        if not self.media.alive:
            reasons.append("a codec thread or the pacer has died")
        if (seconds := self._drain.seconds_left) is not None:
            reasons.append(f"the node is draining: what still runs in {seconds:.0f} s is ended")
        return reasons

    def load(self) -> dict[str, int]:
        """How full it is, and whether it keeps up: `late_frames` is to stay at 0."""
        return {
            "seats": self.rooms.capacity,
            "seats_taken": self.rooms.seats_taken,
            "late_frames": self.media.late,
        }

    def start(self, session: Session) -> None:
        """Runs a session in a task of its own: it outlives its socket for a while."""
        task = asyncio.create_task(session.run(), name=f"session-{session.id}")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def drain(self, seconds: float) -> None:
        """Takes nothing new, says so to everyone in a call, and ends what still runs after so long."""
        logger.info("drain begins", extra={"facts": {"seconds": seconds, "seats_taken": self.rooms.seats_taken}})
        self._drain.begin(seconds)
        self._tell_members(Draining(seconds))

    def undrain(self) -> None:
        """Takes calls again; does nothing where no drain is on."""
        if self.draining:
            logger.info("drain called off")
            self._drain.call_off()
            self._tell_members(Draining(None))

    async def drained(self) -> None:
        """Waits until nobody has a seat any more."""
        while self.rooms.seats_taken:
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    def end_sessions(self) -> None:
        """Ends every session with a `bye`."""
        for session in self.sessions:
            session.post(Shutdown())

    def shut_down(self) -> None:
        """Takes nothing new, and ends everything now."""
        self._drain.begin(0)

    async def ended(self) -> None:
        """Waits until all sessions are over, within limits."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=self.limits.farewell_seconds)

    def _tell_members(self, message: ServerMessage) -> None:
        for room in self.rooms:
            for member in room.members:
                member.post(Relay(message))

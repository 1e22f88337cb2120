"""What all sessions of one server process share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.auth import Authority
from server.media.plane import MediaPlane
from server.protocol import IceServer
from server.rooms import Rooms
from server.session.inbox import Shutdown

if TYPE_CHECKING:
    from server.session.session import Session


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session waits for what must come, and how often it reports; seconds."""

    join_seconds: float = 15.0
    open_seconds: float = 15.0  # for the data channel, from the join or the newest offer on
    media_seconds: float = 4.0  # without a frame; so the others hear of it within 5 s
    stats_seconds: float = 1.0
    heartbeat_seconds: float = 3.0  # a socket that answers no ping for half of this is dead
    resume_seconds: float = 30.0  # a seat is kept so long without a socket, while the sound goes on
    farewell_seconds: float = 5.0  # for all sessions to end when the node does


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
    draining: bool = False

    def unready(self) -> list[str]:
        """Why this node should get no calls; empty when it should. The engine was loaded before the node was made."""
        reasons = []
        if not self.media.alive:
            reasons.append("a codec thread or the pacer has died")
        if self.draining:
            reasons.append("the node is shutting down")
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

    def shut_down(self) -> None:
        """Takes nothing new and ends every session with a `bye`."""
        self.draining = True
        for session in self.sessions:
            session.post(Shutdown())

    async def ended(self) -> None:
        """Waits until all sessions are over, within limits."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=self.limits.farewell_seconds)

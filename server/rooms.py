"""Rooms: calls of two, and the seats in them. Nothing here waits or sends; the members do.

    SeatError           there is no seat
      RoomFullError     the call already has two
      NodeFullError     the node has no capacity left
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, TypeVar

SEATS_IN_A_ROOM = 2

Member = TypeVar("Member")


class SeatError(Exception):
    """There is no seat."""


class RoomFullError(SeatError):
    """The call already has two."""


class NodeFullError(SeatError):
    """The node has no capacity left."""


@dataclass(slots=True)
class Room(Generic[Member]):
    """One call. `call` names it in logs, where its real name, which lets people in, must not stand."""

    name: str
    bitrate_kbps: float
    members: list[Member] = field(default_factory=list)
    call: str = field(default_factory=lambda: secrets.token_hex(4))


class Rooms(Generic[Member]):
    """All calls of a node. A room begins with its first member and vanishes with its last."""

    def __init__(self, capacity: int, most_rooms: int | None = None) -> None:
        self._capacity = capacity
        self._most_rooms = capacity if most_rooms is None else most_rooms
        self._rooms: dict[str, Room[Member]] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def __iter__(self) -> Iterator[Room[Member]]:
        """The calls as they are now; they may change while one looks at them."""
        return iter(tuple(self._rooms.values()))

    @property
    def capacity(self) -> int:
        """How many seats there are."""
        return self._capacity

    @property
    def seats_taken(self) -> int:
        return sum(len(room.members) for room in self._rooms.values())

    def seat(self, name: str, member: Member, bitrate_kbps: float) -> Seat[Member]:
        """A seat in the room `name`, to be entered with `async with`; `bitrate_kbps` holds if that makes the room."""
        return Seat(self, name, member, bitrate_kbps)

    def _enter(self, name: str, member: Member, bitrate_kbps: float) -> Room[Member]:
        room = self._rooms.get(name) or Room(name, bitrate_kbps)
        if len(room.members) >= SEATS_IN_A_ROOM:
            raise RoomFullError(f"this call already has {SEATS_IN_A_ROOM} people")
        if self.seats_taken >= self._capacity:
            raise NodeFullError(f"this server is full: all {self._capacity} seats are taken")
        if name not in self._rooms and len(self._rooms) >= self._most_rooms:
            raise NodeFullError(f"this server is full: all {self._most_rooms} rooms are in use")
        room.members.append(member)
        self._rooms[name] = room
        return room

    def _leave(self, room: Room[Member], member: Member) -> None:
        room.members.remove(member)
        if not room.members:
            del self._rooms[room.name]


class Seat(Generic[Member]):
    """The capacity reserved for one participant, given back on every way out of its `async with`.

    Entering raises RoomFullError or NodeFullError.
    """

    def __init__(self, rooms: Rooms[Member], name: str, member: Member, bitrate_kbps: float) -> None:
        self._rooms = rooms
        self._member = member
        self._wish = (name, bitrate_kbps)
        self._room: Room[Member] | None = None

    @property
    def room(self) -> Room[Member]:
        """Once it was entered, and still when it was left."""
        assert self._room is not None
        return self._room

    @property
    def others(self) -> tuple[Member, ...]:
        """Nobody before it was entered."""
        if self._room is None:
            return ()
        return tuple(member for member in self._room.members if member is not self._member)

    async def __aenter__(self) -> Seat[Member]:
        name, bitrate_kbps = self._wish
        self._room = self._rooms._enter(name, self._member, bitrate_kbps)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rooms._leave(self.room, self._member)

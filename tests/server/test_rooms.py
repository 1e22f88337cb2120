"""Calls of two."""

from __future__ import annotations

import pytest

from server.rooms import NodeFullError, RoomFullError, Rooms


async def test_two_share_a_room_and_see_each_other() -> None:
    rooms: Rooms[str] = Rooms(10)
    async with rooms.seat("r", "ada", 6.0) as first, rooms.seat("r", "bob", 3.0) as second:
        assert first.room is second.room
        assert first.room.bitrate_kbps == 6.0  # the one who made it chose
        assert (first.others, second.others) == (("bob",), ("ada",))


async def test_the_first_of_two_sees_nobody() -> None:
    async with Rooms[str](10).seat("r", "ada", 6.0) as seat:
        assert seat.others == ()


async def test_a_third_is_refused_and_the_room_stays_as_it_was() -> None:
    rooms: Rooms[str] = Rooms(10)
    async with rooms.seat("r", "ada", 6.0) as first, rooms.seat("r", "bob", 6.0):
        with pytest.raises(RoomFullError, match="already has 2"):
            await rooms.seat("r", "eve", 6.0).__aenter__()
        assert first.room.members == ["ada", "bob"]


async def test_a_seat_is_given_back_on_every_way_out() -> None:
    rooms: Rooms[str] = Rooms(10)
    with pytest.raises(ZeroDivisionError):
        async with rooms.seat("r", "ada", 6.0):
            raise ZeroDivisionError
    assert len(rooms) == rooms.seats_taken == 0


async def test_a_room_vanishes_with_its_last_member() -> None:
    rooms: Rooms[str] = Rooms(10)
    async with rooms.seat("r", "ada", 6.0):
        async with rooms.seat("r", "bob", 6.0):
            assert len(rooms) == 1
        assert len(rooms) == 1
    assert len(rooms) == 0
    async with rooms.seat("r", "eve", 3.0) as seat:
        assert seat.room.bitrate_kbps == 3.0


async def test_a_full_node_takes_nobody_until_a_seat_is_free() -> None:
    rooms: Rooms[str] = Rooms(2)
    async with rooms.seat("q", "ada", 6.0):
        async with rooms.seat("r", "bob", 6.0):
            with pytest.raises(NodeFullError, match="all 2 seats"):
                await rooms.seat("s", "eve", 6.0).__aenter__()
        assert len(rooms) == 1
        async with rooms.seat("s", "eve", 6.0):
            assert len(rooms) == 2


async def test_rooms_are_apart_and_have_names_for_the_log() -> None:
    rooms: Rooms[str] = Rooms(10)
    async with rooms.seat("q", "ada", 6.0) as one, rooms.seat("r", "bob", 6.0) as other:
        assert one.others == other.others == ()
        assert one.room.call != other.room.call
        assert "q" not in one.room.call

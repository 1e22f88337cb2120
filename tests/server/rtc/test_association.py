"""The short way of a data channel's frames: it carries them, and whatever is odd still works by the long way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from server.rtc import association as association_module
from server.rtc.association import Association
from server.rtc.peer import Peer, PeerContext, PeerEvents
from tests.server.doubles import PATIENCE_SECONDS, run_at_once

FRAME_BYTES = 648


class Wire:
    """Stands before a socket: `fate` says how often each datagram is sent; None holds it back until the next."""

    def __init__(self, transport: Any, fate: Iterator[int | None]) -> None:
        self._transport = transport
        self._fate = fate
        self._held: list[tuple[bytes, Any]] = []

    def sendto(self, data: bytes, address: Any) -> None:
        times = next(self._fate)
        if times is None:
            self._held.append((data, address))
            return
        for datagram in [(data, address)] * times + self._held:
            self._transport.sendto(*datagram)
        self._held.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Ends:
    """A browser's end, which is aiortc's own, and the server's end."""

    def __init__(self) -> None:
        self.browser = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.opened = asyncio.Event()
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        events = PeerEvents(self.opened.set, self.up.append, pytest.fail)
        self.server = Peer(PeerContext(events, run_at_once), (), loopback=True)
        self.long_way: list[bytes] = []  # packets that the server left to aiortc

    async def connect(self, **reliability: Any) -> RTCDataChannel:
        channel = self.browser.createDataChannel("pcm", **({"ordered": False, "maxRetransmits": 0} | reliability))
        channel.on("message", self.down.append)
        await self.browser.setLocalDescription(await self.browser.createOffer())
        answer = await self.server.answer(self.browser.localDescription.sdp)
        await self.browser.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(self.opened.wait(), PATIENCE_SECONDS)
        await until(lambda: channel.readyState == "open" and not self.sctp._sent_queue)
        handle = self.sctp._handle_data
        self.sctp._handle_data = lambda data: (self.long_way.append(data), handle(data))[1]
        return channel

    @property
    def sctp(self) -> Any:
        return self.server._connection.sctp

    @contextmanager
    def spoiled(self, end: RTCPeerConnection, fate: Iterator[int | None]) -> Iterator[None]:
        """What goes out of one end suffers."""
        assert end.sctp is not None
        protocol: Any = end.sctp.transport.transport._connection._nominated[1].protocol
        transport = protocol.transport
        protocol.transport = Wire(transport, fate)
        yield
        protocol.transport = transport

    async def talk(self, channel: RTCDataChannel, frames: int) -> None:
        """Both speak, a frame after the other."""
        for number in range(frames):
            channel.send(frame(number))
            self.server.send(frame(number))
            await asyncio.sleep(0.002)


def frame(number: int) -> bytes:
    return number.to_bytes(4, "little") + bytes(FRAME_BYTES - 4)


def numbers(frames: list[bytes]) -> list[int]:
    return [int.from_bytes(data[:4], "little") for data in frames]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def by_turns(*fates: int | None) -> Iterator[int | None]:
    while True:
        yield from fates


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ends = Ends()
    yield ends
    await ends.server.close()
    await ends.browser.close()


async def test_frames_go_both_ways_and_nothing_is_left_to_aiortc(ends: Ends) -> None:
    channel = await ends.connect()
    await ends.talk(channel, 60)
    await until(lambda: len(ends.up) == len(ends.down) == 60)
    assert sorted(numbers(ends.up)) == sorted(numbers(ends.down)) == [*range(60)]
    assert ends.long_way == []
    await until(lambda: not ends.sctp._sent_queue)
    assert ends.sctp._flight_size == 0


async def test_who_only_listens_acknowledges(ends: Ends) -> None:
    channel = await ends.connect()
    for number in range(41):
        channel.send(frame(number))
        await asyncio.sleep(0)
    await until(lambda: len(ends.up) == 41)
    browser: Any = ends.browser.sctp
    await until(lambda: not browser._sent_queue and browser._flight_size == 0)


@pytest.mark.parametrize(
    "fate", [(1, 1, 1, 1, 0), (2,), (1, None), (1, 0, None, 2, 1)], ids=["loss", "twice", "swapped", "all-of-it"]
)
@pytest.mark.parametrize("whose", ["browser", "server"])
async def test_a_bad_network_costs_what_it_takes_and_no_more(ends: Ends, fate: tuple[int | None], whose: str) -> None:
    channel = await ends.connect()
    with ends.spoiled(ends.browser if whose == "browser" else ends.server._connection, by_turns(*fate)):
        await ends.talk(channel, 60)
    await until(lambda: ends.sctp._flight_size == 0 and ends.browser.sctp._flight_size == 0)  # type: ignore[union-attr]
    for received in (numbers(ends.up), numbers(ends.down)):
        assert len(set(received)) == len(received)  # nothing comes twice
        assert len(received) > 15
    channel.send(frame(1000))
    ends.server.send(frame(1000))
    await until(lambda: 1000 in numbers(ends.up) and 1000 in numbers(ends.down))


async def test_what_does_not_fit_into_the_window_waits(ends: Ends) -> None:
    await ends.connect()
    sent = [ends.server.send(frame(number)) for number in range(9)]
    assert sent == [True] * 9
    await until(lambda: len(ends.down) == 9)


async def test_messages_that_are_no_frames_take_the_long_way(ends: Ends) -> None:
    channel = await ends.connect()
    for message in (bytes(10_000), "text", b""):
        channel.send(message)
    await until(lambda: len(ends.up) == 3)
    assert sorted(map(len, ends.up)) == [0, 0, 10_000]
    assert ends.long_way


async def test_an_ordered_channel_takes_the_long_way(ends: Ends) -> None:
    channel = await ends.connect(ordered=True, maxRetransmits=None)
    await ends.talk(channel, 10)
    await until(lambda: len(ends.up) == len(ends.down) == 10)
    assert numbers(ends.up) == numbers(ends.down) == [*range(10)]
    assert ends.long_way


@pytest.mark.parametrize(
    "junk",
    [b"", b"\x16", bytes([22, 254, 253]) + bytes(40), bytes([23]) * 700, bytes([200]) * 50],
    ids=["nothing", "a-byte", "a-handshake", "a-record", "rtp"],
)
async def test_datagrams_that_are_nothing_do_no_harm(ends: Ends, junk: bytes) -> None:
    channel = await ends.connect()
    protocol: Any = ends.sctp.transport.transport._connection._nominated[1].protocol
    for _ in range(5):
        protocol.datagram_received(junk, ("127.0.0.1", 9))
    await asyncio.sleep(0.01)  # for what aiortc makes of it
    await ends.talk(channel, 5)
    await until(lambda: len(ends.up) == len(ends.down) == 5)


@pytest.mark.parametrize("spoil", [0, 4, 9, 12, 15, 20, 27, 40], ids="byte-{}".format)
async def test_packets_with_a_wrong_byte_do_no_harm(ends: Ends, spoil: int) -> None:
    channel = await ends.connect()
    association: Any = ends.server._transport._association  # type: ignore[union-attr]
    packets: list[bytes] = []
    take = association._receive
    association._records._on_packet = packets.append
    channel.send(frame(7))
    await until(lambda: bool(packets))
    take(packets[0][:spoil] + bytes([packets[0][spoil] ^ 0x55]) + packets[0][spoil + 1 :])
    assert ends.up == []
    association._records._on_packet = take
    take(packets[0])
    assert numbers(ends.up) == [7]


async def test_the_other_ends_goodbye_is_heard(ends: Ends) -> None:
    await ends.connect()
    await ends.browser.close()
    await until(lambda: ends.sctp.transport.state == "closed")


async def test_after_the_end_nothing_is_sent_and_nothing_looked_after(ends: Ends) -> None:
    await ends.connect()
    association: Any = ends.server._transport._association  # type: ignore[union-attr]
    await ends.server.close()
    assert not ends.server.send(frame(0))
    assert association._look.cancelled()


async def test_with_another_aiortc_the_long_way_is_taken(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(association_module, "_INNER_NAMES", ("_what_there_is_no_more",))
    channel = await ends.connect()
    assert "this aiortc is unknown" in caplog.text
    await ends.talk(channel, 10)
    await until(lambda: len(ends.up) == len(ends.down) == 10)


def test_the_inner_names_are_all_that_is_used() -> None:
    """What the class uses of aiortc's association is looked for before it begins."""
    import inspect
    import re

    used = set(re.findall(r"sctp\.(_\w+)", inspect.getsource(Association)))
    assert used - {"_t3_at"} == set(association_module._INNER_NAMES)

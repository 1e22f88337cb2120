"""The server's end of a peer connection."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable

import pytest
from aiortc import RTCConfiguration, RTCIceTransport, RTCPeerConnection, RTCSessionDescription

from server.protocol import IceServer
from server.rtc import peer as peer_module
from server.rtc.channel import BUFFER_LIMIT_BYTES, HELD_FRAMES
from server.rtc.interfaces import host_addresses
from server.rtc.peer import Peer, PeerContext, PeerEvents, SdpError
from tests.server.doubles import PATIENCE_SECONDS, run_at_once


class Ends:
    """A browser's end and the server's end."""

    def __init__(self, loopback: bool = True, ice_servers: tuple[IceServer, ...] = ()) -> None:
        self.browser = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.opened = asyncio.Event()
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()
        self.causes: asyncio.Queue[str] = asyncio.Queue()
        events = PeerEvents(self.opened.set, self.frames.put_nowait, self.causes.put_nowait)
        self.server = Peer(PeerContext(events, run_at_once), ice_servers, loopback)

    async def offer(self) -> str:
        await self.browser.setLocalDescription(await self.browser.createOffer())
        return self.browser.localDescription.sdp

    async def connect(self) -> None:
        answer = await self.server.answer(await self.offer())
        await self.browser.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        await self.server.close()
        await self.browser.close()


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ends = Ends()
    yield ends
    await ends.close()


async def test_messages_go_both_ways_over_the_loopback(ends: Ends) -> None:
    channel = ends.browser.createDataChannel("pcm", ordered=False, maxRetransmits=0)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    channel.on("message", heard.put_nowait)
    assert not ends.server.send(b"too early")
    await ends.connect()
    await asyncio.wait_for(ends.opened.wait(), PATIENCE_SECONDS)
    channel.send(b"up")
    assert await asyncio.wait_for(ends.frames.get(), PATIENCE_SECONDS) == b"up"
    assert ends.server.send(b"down")
    assert await asyncio.wait_for(heard.get(), PATIENCE_SECONDS) == b"down"


async def test_frames_that_find_the_channel_full_are_held_back_and_the_oldest_skipped(ends: Ends) -> None:
    channel = ends.browser.createDataChannel("pcm", ordered=False, maxRetransmits=0)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    channel.on("message", heard.put_nowait)
    await ends.connect()
    await asyncio.wait_for(ends.opened.wait(), PATIENCE_SECONDS)
    sent = list[bool]()
    while sent.count(False) < 2:  # no acknowledgement comes before the loop runs
        sent.append(ends.server.send(bytes([len(sent)]) * (BUFFER_LIMIT_BYTES // 2)))
    assert sent == sorted(sent, reverse=True)
    oldest = len(sent) - 2 - HELD_FRAMES
    expected = [number for number in range(len(sent)) if number not in (oldest, oldest + 1)]
    arrived = [(await asyncio.wait_for(heard.get(), PATIENCE_SECONDS))[0] for _ in expected]
    assert sorted(arrived) == expected


async def test_only_one_channel_of_the_right_name_is_taken(ends: Ends) -> None:
    for label in ("chat", "pcm", "pcm"):
        ends.browser.createDataChannel(label)
    await ends.connect()
    await asyncio.wait_for(ends.opened.wait(), PATIENCE_SECONDS)
    assert ends.server.send(b"x")


@pytest.mark.parametrize("loopback", [True, False], ids=["from-here", "from-elsewhere"])
async def test_the_loopback_is_offered_to_clients_on_this_machine_only(loopback: bool) -> None:
    ends = Ends(loopback)
    ends.browser.createDataChannel("pcm")
    answer = await ends.server.answer(await ends.offer())
    assert (" 127.0.0.1 " in answer) is loopback
    assert all(f" {address} " in answer for address in host_addresses())
    await ends.close()


async def test_two_ways_for_the_sound_are_refused(ends: Ends) -> None:
    ends.browser.createDataChannel("pcm")
    ends.browser.addTransceiver("audio")
    with pytest.raises(SdpError, match="one sound track and nothing else; it has audio, application"):
        await ends.server.answer(await ends.offer())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sdp: sdp.replace("a=ice-ufrag", "a=ice-u"),
        lambda sdp: sdp.replace("a=fingerprint", "a=finger"),
        lambda sdp: sdp.replace("a=sctp-port:5000", "a=sctp-port:x"),
        lambda sdp: sdp.replace("m=application", "m=application\r\nm=application"),
        lambda sdp: sdp[: sdp.index("m=")],
        lambda sdp: sdp.replace("a=candidate:", "a=candidate:x "),
    ],
    ids=["ice", "fingerprint", "port", "line", "half", "candidate"],
)  # fmt: skip
async def test_a_spoiled_offer_is_refused_in_one_line(ends: Ends, spoil: Callable[[str], str]) -> None:
    ends.browser.createDataChannel("pcm")
    offer = await ends.offer()
    with pytest.raises(SdpError, match=r"\Athe offer .*\Z"):
        await ends.server.answer(spoil(offer))


async def test_candidates_are_taken_or_refused(ends: Ends) -> None:
    ends.browser.createDataChannel("pcm")
    await ends.server.answer(await ends.offer())
    await ends.server.add_candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0)
    with pytest.raises(SdpError, match="fewer than 8 parts"):
        await ends.server.add_candidate("candidate:1", "0", 0)
    await ends.server.add_candidate("", None, None)


async def test_closing_never_takes_long(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(RTCPeerConnection):
        async def close(self) -> None:
            await asyncio.sleep(PATIENCE_SECONDS)

    monkeypatch.setattr(peer_module, "RTCPeerConnection", Stubborn)
    monkeypatch.setattr(peer_module, "CLOSE_SECONDS", 0.01)
    events = PeerEvents(lambda: None, lambda frame: None, lambda cause: None)
    await Peer(PeerContext(events, run_at_once), (), True).close()


async def test_a_set_up_that_breaks_is_no_fault_of_the_server(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def vanish(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(RTCIceTransport, "start", vanish)
    caplog.set_level("INFO", peer_module.__name__)
    ends.browser.createDataChannel("pcm")
    await ends.server.answer(await ends.offer())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "a peer connection was not set up" not in caplog.messages:
            await asyncio.sleep(0.01)
    gc.collect()  # a task whose error nobody has asked for says so when it goes
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]

"""WHIP and WHEP, with aiortc as the client: a voice goes in by one, comes out by the other, and the HTTP around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from ipaddress import ip_network

import aiohttp
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

from client.caller import offer_loopback
from server.protocol import IceServer, PeerJoined, PeerLeft
from server.session import Limits
from tests.server.doubles import PATIENCE_SECONDS, PATIENT, Serve, Server

RATE, FRAME = 48_000, 960
SDP = {"Content-Type": "application/sdp"}
TRICKLE = {"Content-Type": "application/trickle-ice-sdpfrag"}


class Level(MediaStreamTrack):
    """A track that stands at one level, in time."""

    kind = "audio"

    def __init__(self, level: float) -> None:
        super().__init__()
        self._level, self._sent = level, 0
        self._start = asyncio.get_running_loop().time()

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(max(0, self._start + self._sent / 50 - asyncio.get_running_loop().time()))
        times = (np.arange(FRAME) + FRAME * self._sent) / RATE
        sound = (self._level * 32767 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)
        frame = AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, FRAME * self._sent, Fraction(1, RATE)
        self._sent += 1
        return frame


@dataclass
class Tool:
    """A WHIP or WHEP client."""

    server: Server
    http: aiohttp.ClientSession
    connection: RTCPeerConnection = field(default_factory=lambda: RTCPeerConnection(RTCConfiguration(iceServers=[])))
    heard: asyncio.Queue[AudioFrame] = field(default_factory=asyncio.Queue)
    location: str = ""
    etag: str = ""
    link: list[str] = field(default_factory=list)

    async def offer(self, direction: str) -> str:
        offer_loopback()
        if direction == "recvonly":
            self.connection.addTransceiver("audio", "recvonly")
            self.connection.on("track", lambda track: asyncio.ensure_future(self._listen(track)))
        else:
            self.connection.addTransceiver(Level(0.5), direction)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def post(self, path: str, offer: str, **headers: str) -> aiohttp.ClientResponse:
        response = await self.http.post(self.url(path), data=offer.encode(), headers=SDP | headers)
        self.location, self.etag = response.headers.get("Location", ""), response.headers.get("ETag", "")
        self.link = response.headers.getall("Link", [])
        if response.status == 201:
            answer = RTCSessionDescription(await response.text(), "answer")
            await self.connection.setRemoteDescription(answer)
        return response

    async def patch(self, fragment: str, **headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.patch(self.url(self.location), data=fragment, headers=TRICKLE | given) as response:
            return response.status

    async def delete(self) -> int:
        async with self.http.delete(self.url(self.location)) as response:
            return response.status

    def url(self, path: str) -> str:
        return self.server.url.rstrip("/") + path

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            self.heard.put_nowait(await track.recv())  # type: ignore[arg-type]


@pytest.fixture
async def tools() -> AsyncIterator[list[Tool]]:
    """Those that a test adds are closed after it."""
    made: list[Tool] = []
    yield made
    for tool in made:
        await tool.connection.close()
        await tool.http.close()


def tool(server: Server, tools: list[Tool]) -> Tool:
    tools.append(Tool(server, aiohttp.ClientSession()))
    return tools[-1]


async def test_a_voice_goes_in_by_whip_and_comes_out_by_whep(serve: Serve, tools: list[Tool]) -> None:
    server = await serve()
    publisher, listener = tool(server, tools), tool(server, tools)
    response = await publisher.post("/whip/studio", await publisher.offer("sendonly"))
    assert response.status == 201
    assert response.content_type == "application/sdp"
    answer = await response.text()
    assert "a=recvonly" in answer
    assert "useinbandfec=1" in answer
    assert "usedtx=0" in answer
    assert (await listener.post("/whep/studio", await listener.offer("recvonly"))).status == 201
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            frame = await listener.heard.get()
            if np.abs(frame.to_ndarray()).max() > 3000:
                break
    assert publisher.location != listener.location
    assert await publisher.delete() == 200
    assert await listener.delete() == 200
    await nobody_left(server)


async def nobody_left(server: Server) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while server.node.rooms.seats_taken or server.node.tasks:
            await asyncio.sleep(0.02)


async def test_to_the_others_a_tool_is_a_participant_like_any(serve: Serve, tools: list[Tool]) -> None:
    server = await serve()
    ada, publisher = await server.connect(), tool(server, tools)
    await ada.join("studio")
    await publisher.post("/whip/studio?name=Radio%20One", await publisher.offer("sendonly"))
    joined = await ada.hear()
    assert isinstance(joined, PeerJoined)
    assert joined.participant.name == "Radio One"
    assert await publisher.delete() == 200
    assert await ada.hear() == PeerLeft(joined.participant.session, "left")
    assert await publisher.delete() == 404, "it is over"


async def test_for_who_only_speaks_nothing_is_decoded_and_who_only_listens_may_be_silent(
    serve: Serve, tools: list[Tool]
) -> None:
    server = await serve(replace(PATIENT, media_seconds=0.3))
    publisher, listener = tool(server, tools), tool(server, tools)
    await publisher.post("/whip/studio", await publisher.offer("sendonly"))
    await listener.post("/whep/studio", await listener.offer("recvonly"))
    await asyncio.wait_for(listener.heard.get(), PATIENCE_SECONDS)
    ears = {session._name: session.media._downlink is not None for session in server.node.sessions}
    assert ears == {"publisher": False, "listener": True}
    await asyncio.sleep(0.5)
    assert server.node.rooms.seats_taken == 2


async def test_candidates_may_come_later(serve: Serve, tools: list[Tool]) -> None:
    server = await serve()
    publisher = tool(server, tools)
    offer = await publisher.offer("sendonly")
    candidates = [line for line in offer.splitlines() if line.startswith("a=candidate")]
    bare = "".join(f"{line}\r\n" for line in offer.splitlines() if "candidate" not in line)
    assert (await publisher.post("/whip/studio", bare)).status == 201
    ufrag = next(line for line in bare.splitlines() if line.startswith("a=ice-ufrag"))
    fragment = "\r\n".join([ufrag, "m=audio 9 RTP/AVP 0", "a=mid:0", *candidates, "a=end-of-candidates", ""])
    assert await publisher.patch(fragment) == 428
    assert await publisher.patch(fragment, If_Match='"another"') == 412
    assert await publisher.patch(fragment.replace(ufrag, "a=ice-ufrag:new"), If_Match="*") == 422
    assert await publisher.patch(fragment, If_Match=publisher.etag) == 204
    (session,) = server.node.sessions
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not session.media.uplink.frames:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("path", "headers", "spoil", "status", "says"),
    [
        ("/whip/studio", {"Content-Type": "text/plain"}, None, 415, "application/sdp, not text/plain"),
        ("/whip/studio", {}, lambda sdp: "nonsense", 400, "a=sendonly"),
        ("/whip/studio", {}, lambda sdp: "a=sendonly", 400, "one sound track"),
        ("/whep/studio", {}, None, 400, "a=recvonly"),
        ("/whip/studio", {}, lambda sdp: sdp.replace("a=fingerprint", "a=finger"), 400, "DTLS fingerprint"),
        ("/whip/studio", {}, lambda sdp: sdp + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 400, "audio, video"),
        ("/whip/studio", {}, lambda sdp: "x" * 100_000, 413, "32768 bytes"),
        ("/whip/studio", {}, lambda sdp: "x" * 32_768, 400, "a=sendonly"),
        ("/whip/" + "x" * 65, {}, None, 400, "room must have 1 to 64"),
        ("/whip/studio?name=%00", {}, None, 400, "name must not hold control"),
    ],
    ids=["type", "no-sdp", "no-track", "direction", "fingerprint", "video", "long", "just-not", "room", "name"],
)  # fmt: skip
async def test_what_can_not_be_is_refused_in_one_line(
    serve: Serve, tools: list[Tool], path: str, headers: dict[str, str], spoil: object, status: int, says: str
) -> None:
    server = await serve()
    publisher = tool(server, tools)
    offer = await publisher.offer("sendonly")
    response = await publisher.post(path, spoil(offer) if spoil else offer, **headers)  # type: ignore[operator]
    text = await response.text()
    assert response.status == status, text
    assert says in text
    assert text.count("\n") == 1
    await nobody_left(server)


async def test_a_third_is_told_of_the_conflict_and_a_full_node_when_to_come_back(
    serve: Serve, tools: list[Tool]
) -> None:
    server = await serve(max_sessions=3)
    for name in ("Ada", "Bob"):
        await (await server.connect()).join("studio", name)
    await (await server.connect()).join("elsewhere", "Eve")
    third, fourth = tool(server, tools), tool(server, tools)
    response = await third.post("/whip/studio", await third.offer("sendonly"))
    assert response.status == 409
    assert "already has 2 people" in await response.text()
    full = await fourth.post("/whip/other", await fourth.offer("sendonly"))
    assert full.status == 503
    assert full.headers["Retry-After"] == "5"


async def test_methods_and_options(serve: Serve) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        root = server.url.rstrip("/")
        for method, path, status in (
            ("GET", "/whip/studio", 405),
            ("PUT", "/whep/studio", 405),
            ("POST", "/whip/resource/unknown", 405),
            ("DELETE", "/whip/resource/unknown", 404),
            ("PATCH", "/whep/resource/unknown", 404),
        ):
            async with http.request(method, root + path) as response:
                assert response.status == status, (method, path)
        async with http.options(root + "/whip/studio") as response:
            assert (response.status, response.headers["Accept-Post"]) == (204, "application/sdp")


async def test_ice_servers_come_as_links(serve: Serve, tools: list[Tool]) -> None:
    turn = IceServer(("turn:127.0.0.1:9?transport=udp",), "user", "secret")
    server = await serve(ice_servers=(turn,))
    publisher = tool(server, tools)
    response = await publisher.post("/whip/studio", await publisher.offer("sendonly"))
    if response.status == 201:  # aiortc may give up on a TURN server that isn't there
        assert publisher.link == [
            '<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="user"; credential="secret"; '
            'credential-type="password"'
        ]


async def test_without_the_right_nobody_enters_and_no_resource_is_touched(
    serve: Serve, tools: list[Tool], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = await serve(token_secret="s" * 32)
    publisher = tool(server, tools)
    offer = await publisher.offer("sendonly")
    response = await publisher.post("/whip/studio", offer)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await publisher.post("/whip/studio", offer, Authorization="Bearer wrong")).status == 401
    assert "wrong" not in caplog.text
    await nobody_left(server)


async def test_a_tool_that_dies_is_missed_like_any_peer(serve: Serve, tools: list[Tool]) -> None:
    server = await serve(Limits(media_seconds=0.5))
    ada, publisher = await server.connect(), tool(server, tools)
    await ada.join("studio")
    await publisher.post("/whip/studio", await publisher.offer("sendonly"))
    joined = await ada.hear()
    assert isinstance(joined, PeerJoined)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(session.media.uplink.frames for session in server.node.sessions):
            await asyncio.sleep(0.02)
    for sender in publisher.connection.getSenders():
        sender.replaceTrack(None)
        await sender.stop()
    assert await ada.hear() == PeerLeft(joined.participant.session, "vanished")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await publisher.delete() != 404:
            await asyncio.sleep(0.05)


async def test_an_address_that_has_all_its_seats_is_told_so(serve: Serve, tools: list[Tool]) -> None:
    behind_proxies = (ip_network("127.0.0.0/8"),)
    server = await serve(max_sessions=8, open=True, seats_per_address=1, trusted_proxies=behind_proxies)
    address = {"X-Forwarded-For": "192.0.2.1"}
    for status in (201, 429):
        client = tool(server, tools)
        async with await client.post("/whip/kitchen", await client.offer("sendonly"), **address) as response:
            assert response.status == status, await response.text()

"""Damaged messages and SDP against a whole node, by sockets that are none: no network, but real peer connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection

from server.app import NODE, make_app
from server.config import ServerConfig
from server.protocol import Error, parse_server
from server.session import Limits, Node, Visitor, attend
from tests.fuzz.mutations import damage_lines, damage_message
from tests.server.doubles import TinyEngine

MESSAGES_A_SOCKET = 40
LIMITS = replace(Limits(), messages_at_once=10**9, media_seconds=600.0, open_seconds=600.0, stats_seconds=600.0)


class FuzzSocket:
    """Says what the script says, and then hangs up. Keeps what it hears."""

    closed_in_order = True

    def __init__(self, script: Iterator[str | bytes]) -> None:
        self._script = script
        self.heard: list[str] = []

    async def receive(self) -> str | bytes | None:
        await asyncio.sleep(0)
        return next(self._script, None)

    async def send(self, text: str) -> None:
        self.heard.append(text)


async def real_offers() -> list[str]:
    """One of a data channel, one of a sound track."""
    offers = []
    for kind in ("channel", "audio"):
        browser = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        browser.createDataChannel("pcm") if kind == "channel" else browser.addTransceiver("audio")
        await browser.setLocalDescription(await browser.createOffer())
        offers.append(browser.localDescription.sdp)
        await browser.close()
    return offers


async def fuzz_signalling(count: int, seed: int) -> dict[str, int]:
    """So many messages to a node, over as many sockets as that takes. Says how many answers came of each kind.

    Raises AssertionError for an `internal` error, for what is no message of the protocol, and for a session that stays.
    """
    app = await make_app(ServerConfig(workers=1, max_sessions=64), TinyEngine(), LIMITS)
    app.freeze()
    try:
        return await _fuzz_node(app[NODE], count, seed)
    finally:
        await app.shutdown()
        await app.cleanup()


async def _fuzz_node(node: Node, count: int, seed: int) -> dict[str, int]:
    random = Random(seed)
    offers = await real_offers()
    kinds: dict[str, int] = {}
    for _ in range(0, count, 2 * MESSAGES_A_SOCKET):
        sockets = [FuzzSocket(_script(random, offers)) for _ in range(2)]
        visitor = Visitor("127.0.0.1", local=True)
        await asyncio.wait_for(asyncio.gather(*(attend(node, socket, visitor) for socket in sockets)), 120)
        await node.ended()
        for text in (text for socket in sockets for text in socket.heard):
            message = parse_server(text)
            kind = message.code if isinstance(message, Error) else message.type
            assert kind != "internal", text
            assert "Traceback" not in text
            kinds[kind] = kinds.get(kind, 0) + 1
        assert not node.sessions
        assert node.rooms.seats_taken == 0
    return kinds


def _script(random: Random, offers: list[str]) -> Iterator[str | bytes]:
    yield json.dumps(_join(random))
    for _ in range(MESSAGES_A_SOCKET - 1):
        message = _message(random, offers)
        yield damage_message(message, random) if random.random() < 0.6 else json.dumps(message)


def _join(random: Random) -> dict[str, Any]:
    return {"type": "join", "version": 1, "room": random.choice("ab"), "name": random.choice(("Ada", "<b>Bob</b>"))}


def _message(random: Random, offers: list[str]) -> dict[str, Any]:
    match random.randrange(10):
        case 0:
            offer = random.choice(offers)
            sdp = damage_lines(offer, random) if random.random() < 0.8 else offer
            transport = random.choice((None, "channel", "rtp", "opus"))
            return {"type": "offer", "sdp": sdp, "transport": transport}
        case 1 | 2:
            candidate = "candidate:1 1 udp 2122260223 192.0.2.1 9 typ host"
            return {"type": "candidate", "candidate": damage_lines(candidate, random), "sdp_mid": "0"}
        case 3:
            return _join(random) | {"resume": random.choice(("", "x", "y" * 100)), "token": "a.b.c"}
        case 4 | 5:
            return {"type": "set-bitrate", "bitrate_kbps": random.choice((0.75, 6, 18, 5, -1, 1e300))}
        case 6:
            return {"type": "set-denoise", "denoise": random.random() < 0.5}
        case 7 if random.random() < 0.1:
            return {"type": "bye"}
        case _:
            return {"type": "ping", "id": random.choice((0, 1, -5, 2**53 - 1))}

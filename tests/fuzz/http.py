"""Damaged requests of WHIP, WHEP and the ops API against a whole server, over real HTTP, with the right to ask."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from random import Random
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from server.app import NODE, make_app
from server.auth import Authority, Grant, Role, new_secret
from server.config import ServerConfig
from server.session import Limits
from tests.fuzz.mutations import ODD_VALUES, damage_bytes, damage_lines
from tests.fuzz.signalling import real_offers
from tests.server.doubles import TinyEngine

BATCH = 50  # requests; then every call is ended
AT_ONCE = 4
API = "/api/v1"
CANDIDATE = "a=ice-ufrag:{fragment}\r\na=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 9 typ host\r\n"
LIMITS = replace(Limits(), media_seconds=600.0, open_seconds=600.0, stats_seconds=600.0)
PATIENCE_SECONDS = 120.0


class HttpFuzz:
    """A client with tokens for everything, which says nonsense. `answers` counts by status."""

    def __init__(self, url: str, http: aiohttp.ClientSession, random: Random, secret: str, offers: list[str]) -> None:
        authority = Authority(secret)
        self.answers: dict[int, int] = {}
        self._url, self._http, self._random = url.rstrip("/"), http, random
        self._offers = [offer.replace("a=sendrecv", "a=sendonly") for offer in offers]
        self._ops = authority.issue(Grant(Role.OPS, name="root"), 36000)
        self._tokens = {room: authority.issue(Grant(room=room), 36000) for room in ("a", "b")}
        self._resources = ["/whip/resource/x"]
        self._etag = '"x"'
        self._names = ["x"]

    async def request(self) -> None:
        """One, of any kind. Raises AssertionError where the answer is a fault of the server's."""
        await (self._whip() if self._random.random() < 0.5 else self._steer())

    async def hang_up(self) -> None:
        """Ends whatever runs."""
        right = {"Authorization": f"Bearer {self._ops}"}
        paths = [f"/sessions/{session['session']}" for session in await self._list("sessions")]
        for path in [*paths, "/drain"]:
            async with self._http.delete(self._url + API + path, headers=right) as answer:
                assert answer.status in (200, 204, 404), (path, answer.status)

    async def _whip(self) -> None:
        random, room = self._random, self._random.choice("ab")
        sdp, trickle = "application/sdp", "application/trickle-ice-sdpfrag"
        kind = random.choice((sdp, trickle)) if random.random() < 0.1 else ""
        match random.randrange(4):
            case 0:
                offer = random.choice(self._offers)
                body = damage_lines(offer, random) if random.random() < 0.7 else offer
                path = self._odd(f"/{random.choice(('whip', 'whep'))}/{room}")
                await self._send("POST", path, self._tokens[room], self._bytes(body), kind or sdp)
            case 1 | 2:
                body = damage_lines(CANDIDATE, random)
                path = self._odd(random.choice(self._resources))
                await self._send("PATCH", path, self._tokens[room], self._bytes(body), kind or trickle)
            case _:
                await self._send("DELETE", random.choice(self._resources), self._tokens[room], b"", kind)

    async def _steer(self) -> None:
        random = self._random
        if random.random() < 0.1:
            sessions = await self._list("sessions")
            self._names = [entry[key] for entry in sessions for key in ("session", "call")] + ["x"]
        name = random.choice(self._names)
        method, path, body = random.choice(
            (
                ("GET", "/calls", {}), ("GET", f"/calls/{name}", {}), ("GET", f"/sessions/{name}", {}),
                ("PUT", f"/calls/{name}/bitrate", {"bitrate_kbps": 3}),
                ("PUT", f"/sessions/{name}/denoise", {"denoise": True}),
                ("DELETE", f"/sessions/{name}", {}), ("GET", "/capacity", {}),
                ("PUT", "/drain", {"seconds": 600}), ("DELETE", "/drain", {}), ("GET", "/nothing", {}),
            )
        )  # fmt: skip
        if body and random.random() < 0.6:
            body = {random.choice([*body, "unknown"]): random.choice(ODD_VALUES)}
        await self._send(method, self._odd(API + path), self._ops, self._bytes(json.dumps(body)), "application/json")

    async def _list(self, what: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._ops}"}
        async with self._http.get(f"{self._url}{API}/{what}", headers=headers) as answer:
            found: list[dict[str, Any]] = (await answer.json())[what]
            return found

    async def _send(self, method: str, path: str, token: str, body: bytes, kind: str) -> None:
        random = self._random
        if random.random() < 0.05:
            token = damage_bytes(token.encode(), random).decode("ascii", "ignore")
        headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": kind} if kind else {})
        if random.random() < 0.9:
            headers["If-Match"] = random.choice((self._etag, self._etag, "*", '"y"', ",,"))
        try:
            async with self._http.request(method, self._url + path, data=body, headers=headers) as answer:
                text = await answer.text(errors="replace")
        except ValueError:  # this client does not send such a header
            return
        self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
        assert answer.status < 500 or answer.status in (503, 504), (method, path, answer.status, text)
        assert "Traceback" not in text, text
        if answer.status == 201:
            self._resources = [answer.headers["Location"], *self._resources[:3]]
            self._etag = answer.headers["ETag"]

    def _odd(self, path: str) -> str:
        tails = ("/..", "?name=", "?name=%00", "%ff", "/x")
        return path + self._random.choice(tails) if self._random.random() < 0.1 else path

    def _bytes(self, text: str) -> bytes:
        data = text.encode("utf-8", "replace")
        return damage_bytes(data, self._random) if self._random.random() < 0.3 else data


async def fuzz_http(count: int, seed: int) -> dict[int, int]:
    """So many requests -> how many answers had which status. Raises AssertionError for a fault, and for a session or a
    seat that stays when all were told to end."""
    secret = new_secret()
    app = await make_app(ServerConfig(workers=1, max_sessions=64, token_secret=secret), TinyEngine(), LIMITS)
    server = TestServer(app)
    await server.start_server()
    try:
        async with aiohttp.ClientSession() as http:
            fuzz = HttpFuzz(str(server.make_url("/")), http, Random(seed), secret, (await real_offers())[1:])
            for _ in range(0, count, BATCH):
                for _ in range(0, BATCH, AT_ONCE):
                    await asyncio.wait_for(asyncio.gather(*(fuzz.request() for _ in range(AT_ONCE))), PATIENCE_SECONDS)
                await fuzz.hang_up()
                await asyncio.wait_for(app[NODE].ended(), PATIENCE_SECONDS)
                assert not app[NODE].sessions
                assert app[NODE].rooms.seats_taken == 0
            return dict(sorted(fuzz.answers.items()))
    finally:
        await server.close()

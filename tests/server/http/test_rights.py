"""Every door of the server is tried without the right to it; a door that nobody has thought of here fails."""

from __future__ import annotations

import pytest

from server.auth import Authority, Grant, Role, new_secret
from server.protocol import VERSION, Join
from tests.server.doubles import Serve, Server

SECRET = new_secret()
AUTHORITY = Authority(SECRET)
EVERYBODYS = {"/", "/static/{path}", "/healthz", "/readyz", "/ops", "/api/v1/openapi.json"}
RESOURCE = "/{kind}/resource/{name}"  # who doesn't know its secret name finds nothing
WITHOUT = {
    "nothing": {},
    "another-scheme": {"Authorization": f"Basic {AUTHORITY.issue(Grant(Role.OPS, name='root'), 3600)}"},
    "expired": {"Authorization": f"Bearer {AUTHORITY.issue(Grant(Role.OPS, name='root'), -3600)}"},
    "forged": {"Authorization": f"Bearer {Authority(new_secret()).issue(Grant(Role.OPS, name='root'), 3600)}"},
    "nonsense": {"Authorization": "Bearer nonsense"},
    "another-room": {"Authorization": f"Bearer {AUTHORITY.issue(Grant(Role.CALLER, 'attic'), 3600)}"},
}


def doors(server: Server) -> list[tuple[str, str]]:
    """Method and path of whatever answers, but for what is everybody's."""
    routes = [(route.method, route.resource.canonical) for route in server.app.router.routes() if route.resource]
    return [(method, path) for method, path in routes if path not in EVERYBODYS and method not in ("HEAD", "OPTIONS")]


@pytest.mark.parametrize("headers", WITHOUT.values(), ids=WITHOUT)
async def test_no_door_opens_without_right(serve: Serve, headers: dict[str, str]) -> None:
    server = await serve(token_secret=SECRET)
    public = {"X-Forwarded-For": "192.0.2.1"}  # /metrics is for this machine's programs too
    tried = doors(server)
    assert len(tried) > 10
    for method, path in tried:
        if path == "/ws":
            continue  # opens for everybody, but leads to no room: see below
        real = path.replace("{kind}", "whip").replace("{room}", "kitchen").replace("{name}", "x")
        offer = {"Content-Type": "application/sdp"} if method == "POST" else {}
        async with server.request(method, real, headers | public | offer) as response:
            assert response.status in ({404} if path == RESOURCE else {401, 403}), (method, path, response.status)
            assert SECRET not in await response.text()


@pytest.mark.parametrize("headers", WITHOUT.values(), ids=WITHOUT)
async def test_the_socket_leads_nowhere_without_right(serve: Serve, headers: dict[str, str]) -> None:
    server = await serve(token_secret=SECRET)
    client = await server.connect()
    await client.say(Join(VERSION, "kitchen", "Eve", token=headers.get("Authorization", "").partition(" ")[2] or None))
    assert (await client.hear_error()).code == "unauthorized"
    assert await client.closed()

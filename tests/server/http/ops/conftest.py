"""An operator with a token, in front of a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from server.auth import Authority, Grant, Role, new_secret
from tests.server.doubles import Serve, Server

SECRET = new_secret()
OPERATOR_TOKEN = Authority(SECRET).issue(Grant(Role.OPS, name="grace"), 3600)


@dataclass(frozen=True)
class Operator:
    """Says what it wants of /api/v1 and gets status and JSON back, None where there is no body."""

    server: Server
    http: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, body: object = None, token: str | None = OPERATOR_TOKEN
    ) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.server.url}api/v1{path}"
        async with self.http.request(method, url, json=body, headers=headers) as response:
            return response.status, None if response.status == 204 else await response.json()


Operate = Callable[..., Awaitable[Operator]]


@pytest.fixture
async def operate(serve: Serve) -> AsyncIterator[Operate]:
    """Starts a server that is open to callers, and an operator."""
    async with AsyncExitStack() as stack:

        async def start(*arguments: Any, **settings: Any) -> Operator:
            server = await serve(*arguments, **{"token_secret": SECRET, "open": True, **settings})
            return Operator(server, await stack.enter_async_context(aiohttp.ClientSession()))

        yield start

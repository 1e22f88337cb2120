"""The tiny engine, and a server around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp.test_utils import TestServer

from codec.engine.base import Engine
from server.app import make_app
from server.config import ServerConfig
from server.session import Limits
from tests.server.doubles import PATIENT, Serve, Server, TinyEngine


@pytest.fixture
def engine() -> TinyEngine:
    return TinyEngine()


@pytest.fixture
async def serve(engine: TinyEngine) -> AsyncIterator[Serve]:
    """Starts a server with the limits, the settings and the engine that are given."""
    async with AsyncExitStack() as stack:

        async def start(limits: Limits | None = None, engine: Engine = engine, **settings: object) -> Server:
            config = ServerConfig(**{"workers": 2, "max_sessions": 64, **settings})  # type: ignore[arg-type]
            server = TestServer(await make_app(config, engine, limits or PATIENT), host="127.0.0.1")
            await server.start_server()
            stack.push_async_callback(server.close)
            return Server(server, stack)

        yield start

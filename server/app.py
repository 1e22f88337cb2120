"""Puts the server together: one aiohttp application around one node."""

from __future__ import annotations

from aiohttp import web

from codec.engine.base import Engine
from server.config import ServerConfig
from server.http.health import health_routes
from server.http.pages import add_security_headers, page_routes, read_pages
from server.http.signalling import signalling_routes
from server.media.plane import MediaPlane
from server.rooms import Rooms
from server.session import Limits, Node

NODE = web.AppKey("node", Node)


async def make_app(config: ServerConfig, engine: Engine, limits: Limits | None = None) -> web.Application:
    """The application; its codec threads end with its cleanup. Raises BitrateError for a default that is no bitrate."""
    engine.config.n_q(config.bitrate_kbps)
    media = MediaPlane.start(engine, config.workers)
    node = Node(media, Rooms(config.max_sessions), config.bitrate_kbps, config.ice_servers, limits or Limits())

    async def say_goodbye(_: web.Application) -> None:
        node.shut_down()

    async def stop_media(_: web.Application) -> None:
        await media.stop()

    app = web.Application()
    app[NODE] = node
    app.add_routes([*health_routes(node.unready), *signalling_routes(node), *page_routes(read_pages())])
    app.on_response_prepare.append(add_security_headers)
    app.on_shutdown.append(say_goodbye)
    app.on_cleanup.append(stop_media)
    return app

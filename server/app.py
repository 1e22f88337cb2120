"""Puts the server together: one aiohttp application around one node."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from aiohttp import web

from codec.engine.base import Engine
from server.auth import Authority
from server.config import ServerConfig
from server.http.health import health_routes
from server.http.metrics import metrics_routes
from server.http.ops import ops_application
from server.http.ops.openapi import PREFIX
from server.http.pages import add_security_headers, page_routes, read_pages
from server.http.signalling import signalling_routes
from server.http.visitors import Visitors
from server.http.whip import whip_routes
from server.media.plane import MediaPlane
from server.metrics import metrics_of
from server.rooms import Rooms
from server.rtc.ports import Exposure, expose
from server.session import Limits, Node, Session
from server.traces import Traces
from server.turn import TurnServers

MEASURE_SECONDS = 1.0

logger = logging.getLogger(__name__)

NODE = web.AppKey("node", Node)


async def make_app(config: ServerConfig, engine: Engine, limits: Limits | None = None) -> web.Application:
    """The application; its codec threads end with its cleanup.

    Raises BitrateError for a default that is no bitrate, TracesError where traces are wanted and can't be had.
    """
    engine.config.n_q(config.bitrate_kbps)
    traces = None if config.traces_endpoint is None else Traces(config.traces_endpoint)
    media = MediaPlane.start(engine, config.workers, config.batch, config.pin_workers, config.constant_bitrate)
    expose(Exposure(config.udp_ports, config.public_address))
    authority = Authority(config.token_secret, config.opening)
    rooms: Rooms[Session] = Rooms(config.max_sessions or await _measure_seats(media), config.max_rooms)
    limits = replace(limits or Limits(), seats_per_address=config.seats_per_address)
    node = Node(media, rooms, config.bitrate_kbps, config.ice_servers, limits, authority)
    if config.turn_secret is not None:
        node.turn = TurnServers(config.turn_urls, config.turn_secret)
    visitors = Visitors(config.trusted_proxies)
    if traces is not None:
        node.books.watchers.append(traces.tell)

    async def say_goodbye(_: web.Application) -> None:
        node.shut_down()
        await node.ended()

    async def stop_media(_: web.Application) -> None:
        await media.stop()
        if traces is not None:
            await asyncio.to_thread(traces.close)

    app = web.Application()
    app[NODE] = node
    app.add_routes(
        [
            *health_routes(node.unready, node.load),
            *signalling_routes(node, visitors),
            *metrics_routes(metrics_of(node), authority, visitors),
            *whip_routes(node, visitors),
            *page_routes(read_pages()),
        ]
    )
    app.add_subapp(PREFIX, ops_application(node))
    app.on_response_prepare.append(add_security_headers)
    app.on_shutdown.append(say_goodbye)
    app.on_cleanup.append(stop_media)
    return app


async def _measure_seats(media: MediaPlane) -> int:
    """How many participants this node can bear."""
    capacity = await media.measure(MEASURE_SECONDS)
    facts = {
        "seats": capacity.seats,
        "cores": capacity.cores,
        "codec_percent": round(100 * capacity.codec_share, 2),
        "media_percent": round(100 * capacity.media_share, 2),
    }
    logger.info("capacity measured", extra={"facts": facts})
    return capacity.seats

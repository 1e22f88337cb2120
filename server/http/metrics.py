"""`/metrics` for Prometheus: for programs on this machine, and for whoever brings an operator's token."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from server.auth import AuthError, Authority
from server.http.visitors import Visitors, bearer_token, refusal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_routes(render: Callable[[], bytes], authority: Authority, visitors: Visitors) -> list[web.RouteDef]:
    async def metrics(request: web.Request) -> web.Response:
        if not visitors.visitor(request).local:
            try:
                authority.operator(bearer_token(request))
            except AuthError as error:
                raise refusal(error) from None
        return web.Response(body=render(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    return [web.get("/metrics", metrics)]

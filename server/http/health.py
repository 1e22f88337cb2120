"""Health: `/healthz` looks at this process only, `/readyz` at whether it should get calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web


def health_routes(
    unready: Callable[[], list[str]], load: Callable[[], Mapping[str, int]]
) -> list[web.RouteDef]:
    """`unready` gives the reasons why the node should get no calls, empty means it should; `load` says how full."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        if reasons := unready():
            return web.json_response({"status": "unready", "reasons": reasons, **load()}, status=503)
        return web.json_response({"status": "ready", **load()})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]

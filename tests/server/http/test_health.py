"""Liveness and readiness."""

from __future__ import annotations

from tests.server.doubles import Serve


async def test_a_fresh_server_is_alive_and_ready(serve: Serve) -> None:
    server = await serve()
    async with server.get("/healthz") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    async with server.get("/readyz") as response:
        assert (response.status, await response.json()) == (200, {
            "status": "ready", "seats": 64, "seats_taken": 0, "late_frames": 0,
        })  # fmt: skip


async def test_a_draining_server_is_alive_but_not_ready(serve: Serve) -> None:
    server = await serve()
    server.node.shut_down()
    async with server.get("/readyz") as response:
        assert response.status == 503
        answer = await response.json()
        assert answer["status"] == "unready"
        assert answer["reasons"] == ["the node is draining: what still runs in 0 s is ended"]
    async with server.get("/healthz") as response:
        assert response.status == 200


async def test_a_server_whose_codec_threads_died_is_not_ready(serve: Serve) -> None:
    server = await serve()
    await server.node.media.stop()
    async with server.get("/readyz") as response:
        assert response.status == 503
        assert (await response.json())["reasons"] == ["a codec thread or the pacer has died"]

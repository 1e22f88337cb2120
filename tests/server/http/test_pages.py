"""The page and what it loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.http.pages import SECURITY_HEADERS, read_pages
from tests.server.doubles import Serve


async def test_the_index_and_what_it_names_are_served(serve: Serve) -> None:
    server = await serve()
    async with server.get("/") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "/static/style.css" in await response.text()
    async with server.get("/static/style.css") as response:
        assert response.headers["Content-Type"] == "text/css; charset=utf-8"
    for path in [path for path in read_pages() if path.endswith(".js")]:
        async with server.get(f"/static/{path}") as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"


async def test_a_page_that_the_browser_has_is_not_sent_again(serve: Serve) -> None:
    server = await serve()
    async with server.get("/") as response:
        etag = response.headers["ETag"]
        assert response.headers["Cache-Control"] == "no-cache"
    async with server.get("/", If_None_Match=etag) as response:
        assert response.status == 304
        assert response.headers["ETag"] == etag
        assert await response.read() == b""
    async with server.get("/", If_None_Match='"another"') as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["/", "/ops", "/healthz", "/static/nothing.js", "/nowhere", "/ws"])
async def test_every_answer_has_the_security_headers(serve: Serve, path: str) -> None:
    server = await serve()
    async with server.get(path) as response:
        for name, value in SECURITY_HEADERS.items():
            assert response.headers[name] == value
    assert "'unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/static/../server/app.py", "/static/%2e%2e/pyproject.toml", "/static/__init__.py"])
async def test_nothing_but_the_page_can_be_read(serve: Serve, path: str) -> None:
    async with (await serve()).get(path) as response:
        assert response.status == 404
        assert "Traceback" not in await response.text()


def test_only_files_that_a_browser_loads_are_read(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("index.html", "__init__.py", "notes.md", "inner/sound.js"):
        (tmp_path / name).write_text("x")
    assert sorted(read_pages(tmp_path)) == ["index.html", "inner/sound.js"]

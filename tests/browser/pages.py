"""The page's own files, and the tests', without a server."""

from __future__ import annotations

import mimetypes
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Page, Route

HERE = Path(__file__).parent
NOWHERE = "http://localhost/"  # nothing listens there: every request is answered from files


async def serve_files(page: Page) -> None:
    """Opens an empty page on which /static/ holds the product's files and /test/ this folder's."""
    await page.route("**/*", _answer)
    await page.goto(NOWHERE)


def watch(page: Page) -> list[str]:
    """Everything that the page complains of from now on: errors, refusals by the CSP."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return complaints


async def _answer(route: Route) -> None:
    path = urlsplit(route.request.url).path
    if path.startswith("/static/"):
        body = files("web").joinpath(path.removeprefix("/static/")).read_bytes()
    elif path.startswith("/test/"):
        body = (HERE / path.removeprefix("/test/")).read_bytes()
    else:
        body = b"<!doctype html><title>test</title>"
    await route.fulfill(body=body, content_type=mimetypes.guess_type(path)[0] or "text/html")

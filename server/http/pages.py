"""The page and what it loads, read from the package `web` once, at the start."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from aiohttp import web

PLACES = {"/": "index.html", "/ops": "ops.html"}

CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}

SECURITY_HEADERS = {
    "Server": "thinline",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; media-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": (
        "microphone=(self), autoplay=(self), camera=(), display-capture=(), geolocation=(), payment=(), usb=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    content_type: str
    etag: str


def read_pages(root: Traversable | None = None) -> dict[str, Page]:
    """Every file of `root` that a browser may load, by its path in it; the package `web` where none is given."""
    return dict(_read_folder(root or files("web"), PurePosixPath()))


def _read_folder(folder: Traversable, place: PurePosixPath) -> Iterator[tuple[str, Page]]:
    for entry in folder.iterdir():
        path = place / entry.name
        if entry.is_dir():
            yield from _read_folder(entry, path)
        elif content_type := CONTENT_TYPES.get(path.suffix):
            body = entry.read_bytes()
            yield str(path), Page(body, content_type, hashlib.sha256(body).hexdigest()[:16])


def page_routes(pages: dict[str, Page]) -> list[web.RouteDef]:
    """The call at `/`, the operators' page at `/ops`, everything that they load under `/static/`."""

    async def document(request: web.Request) -> web.Response:
        return _respond(request, pages.get(PLACES[request.path]))

    async def static(request: web.Request) -> web.Response:
        return _respond(request, pages.get(request.match_info["path"]))

    return [*(web.get(place, document) for place in PLACES), web.get("/static/{path:.+}", static)]


def _respond(request: web.Request, page: Page | None) -> web.Response:
    if page is None:
        raise web.HTTPNotFound(text="There is no such page here.\n")
    known = {tag.value for tag in request.if_none_match or ()}
    response = web.Response(status=304) if page.etag in known else _whole(page)
    response.etag = page.etag
    response.headers["Cache-Control"] = "no-cache"  # kept, but asked about each time
    return response


def _whole(page: Page) -> web.Response:
    charset = "utf-8" if page.content_type.startswith("text/") else None
    return web.Response(body=page.body, content_type=page.content_type, charset=charset)


async def add_security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Signal handler for `on_response_prepare`: every answer has them, errors included."""
    response.headers.update(SECURITY_HEADERS)

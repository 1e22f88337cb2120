"""The client's end of the ops API: one HTTP session, an operator's token, errors as sentences."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp

TIMEOUT_SECONDS = 15.0

Ask = Callable[..., Awaitable[Any]]  # method, path, body -> the answer, None where it has no body
T = TypeVar("T")


class OpsError(Exception):
    """An order could not be carried out; the text is for the operator."""


class OpsClient:
    """`insecure` takes any certificate. Raises OpsError for what is no address of a server."""

    def __init__(self, server: str, token: str, insecure: bool = False) -> None:
        url = urlsplit(server)
        if url.scheme not in ("http", "https") or not url.netloc:
            raise OpsError(f"{server!r} is no server address, such as http://localhost:8080")
        self._api = f"{server.rstrip('/')}/api/v1"
        self._token = token
        self._insecure = insecure

    async def carry_out(self, order: Callable[[Ask], Awaitable[T]]) -> T:
        """Gives the order what it needs to ask the server. Raises OpsError."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with aiohttp.ClientSession(timeout=timeout, headers=headers) as http:

                async def ask(method: str, path: str, body: object = None) -> Any:
                    async with http.request(method, self._api + path, json=body, ssl=not self._insecure) as response:
                        return await self._read(response)

                return await order(ask)
        except (TimeoutError, aiohttp.ClientError, OSError, ssl.SSLError) as error:
            raise OpsError(self._why(error)) from None

    async def _read(self, response: aiohttp.ClientResponse) -> Any:
        if response.status == 204:
            return None
        if response.content_type != "application/json":
            raise OpsError(f"no thinline server at {self._api}: it answered HTTP {response.status}, and no JSON")
        answer = await response.json()
        if response.status != 200:
            raise OpsError(f"{answer['text']} (HTTP {response.status})")
        return answer

    def _why(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return f"the certificate of {self._api} is not trusted; --insecure accepts it"
        if isinstance(error, TimeoutError):
            return f"no answer from {self._api} within {TIMEOUT_SECONDS:g} s"
        if isinstance(error, aiohttp.ClientConnectorError):
            return f"no server answers at {self._api}: {error.os_error.strerror or error.os_error}"
        return f"no answer from {self._api}: {error}"

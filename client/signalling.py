"""The client's end of the signalling socket (docs/signalling.md)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import aiohttp

from client.errors import CallError, ServerGoneError, UnreachableError
from server.protocol import ClientMessage, ProtocolError, ServerMessage, parse_server, serialise

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 2.0
BROKEN = 4000  # a close code that does not mean that we leave
_SOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def socket_url(server: str) -> SplitResult:
    """`http://host:port` -> `ws://host:port/ws`. Raises CallError for what is no address of a server."""
    try:
        url = urlsplit(server)
        _ = url.port  # looks at it for the first time
        if url.scheme not in _SOCKET_SCHEMES or not url.hostname:
            raise ValueError
    except ValueError:
        raise CallError(f"{server!r} is no server address, such as http://localhost:8080") from None
    return SplitResult(_SOCKET_SCHEMES[url.scheme], url.netloc, url.path.rstrip("/") + "/ws", "", "")


def is_loopback(url: SplitResult) -> bool:
    """Whether the server runs on this machine, by its address."""
    host = url.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Signalling:
    """One open socket: messages of the protocol out and in."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.broken = False  # whether the call is wanted again: then the socket is not closed in order

    async def send(self, message: ClientMessage) -> None:
        try:
            await self._socket.send_str(serialise(message))
        except (ConnectionError, aiohttp.ClientError):
            raise ServerGoneError("the server is gone: the connection to it broke") from None

    async def receive(self) -> ServerMessage:
        """The next message. Raises ServerGoneError when there will be none, or it can't be understood."""
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ServerGoneError("the server is gone: it closed the connection")
        try:
            return parse_server(message.data)
        except ProtocolError as error:
            raise ServerGoneError(f"the server speaks another protocol: {error}") from None


@asynccontextmanager
async def connect(url: SplitResult, insecure: bool = False) -> AsyncIterator[Signalling]:
    """Opens the socket for the block, then closes it. Raises UnreachableError.

    `insecure` takes any certificate: for a server with one that it signed itself.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS)) as session:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await session.ws_connect(url.geturl(), ssl=not insecure)
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            raise UnreachableError(_why(url, error)) from None
        signalling = Signalling(socket)
        try:
            yield signalling
        finally:
            with suppress(TimeoutError):
                code = BROKEN if signalling.broken else aiohttp.WSCloseCode.OK
                await asyncio.wait_for(socket.close(code=code), CLOSE_SECONDS)


def _why(url: SplitResult, error: Exception) -> str:
    """One sentence for a connection that could not be made."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {url.hostname} is not trusted; --insecure accepts it"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return f"no TLS at {url.netloc}; perhaps the server speaks http, not https"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"no thinline server at {url.geturl()}: it answered HTTP {error.status}"
    if isinstance(error, TimeoutError):
        return f"no server answers at {url.geturl()}: no connection within {CONNECT_SECONDS:g} s"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no server answers at {url.geturl()}: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return f"the server at {url.netloc} closed the connection; perhaps it speaks https, not http"
    return f"no server answers at {url.geturl()}: {error}"

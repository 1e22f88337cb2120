"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): standard tools speak into a room, or listen to it, by plain HTTP.

Each resource is a participant like any other. Its session hears the same messages that a page would send, from a socket
that exists only here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from server.auth import AuthError
from server.http.visitors import Visitors, bearer_token, refusal
from server.protocol import (
    MESSAGE_LIMIT_BYTES,
    VERSION,
    Answer,
    Bye,
    Candidate,
    ClientMessage,
    Error,
    IceServer,
    Join,
    Joined,
    Leave,
    Offer,
    ServerMessage,
    parse_server,
    serialise,
)
from server.protocol.fields import FieldError, read_label
from server.session import Node, attend

SDP_TYPE = "application/sdp"
TRICKLE_TYPE = "application/trickle-ice-sdpfrag"
ANSWER_SECONDS = 15.0
RETRY_SECONDS = "5"  # for who found the node full
DIRECTIONS = {"whip": ("a=sendonly", "a=sendrecv"), "whep": ("a=recvonly", "a=sendrecv")}
BODY_LIMIT_BYTES = MESSAGE_LIMIT_BYTES // 2  # it travels on inside a message
STATUS = {
    "unauthorized": 401, "room-full": 409, "node-full": 503, "draining": 503, "address-full": 429, "sdp": 400,
    "bitrate": 400, "malformed": 400,
}  # fmt: skip


class Line:
    """The socket of a session whose client speaks HTTP: what it is told waits here to be asked for."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[str | None] = asyncio.Queue()
        self.heard: asyncio.Queue[ServerMessage] = asyncio.Queue()
        self.ice_servers: tuple[IceServer, ...] = ()
        self.closed_in_order = True

    def say(self, message: ClientMessage) -> None:
        self._said.put_nowait(serialise(message))

    async def receive(self) -> str | None:
        return await self._said.get()

    async def send(self, text: str) -> None:
        message = parse_server(text)
        if isinstance(message, Joined):
            self.ice_servers = message.ice_servers
        elif isinstance(message, Answer | Error | Bye):  # the rest is for who watches a page
            self.heard.put_nowait(message)


@dataclass
class Resource:
    """One participant, as HTTP sees it. `etag` names its ICE session, `fragment` that one's user name."""

    line: Line
    task: asyncio.Task[None]
    kind: str
    room: str
    fragment: str
    etag: str = field(default_factory=lambda: f'"{secrets.token_hex(8)}"')


class Resources:
    """The WHIP and WHEP resources of a node, by their names, which nobody can guess."""

    def __init__(self, node: Node, visitors: Visitors) -> None:
        self._node = node
        self._visitors = visitors
        self._resources: dict[str, Resource] = {}

    async def create(self, request: web.Request) -> web.Response:
        """POST of an offer: 201 with the answer."""
        kind, room, name = request.match_info["kind"], _label(request.match_info["room"], "room"), _name(request)
        self._check_right(request, room)
        offer = await _read(request, SDP_TYPE)
        if not any(line in offer for line in DIRECTIONS[kind]):
            raise _refused(400, f"the offer must have {DIRECTIONS[kind][0]}: {kind} is one-way")
        resource = self._begin(request, kind, room, offer)
        resource.line.say(Join(VERSION, room, name, token=bearer_token(request)))
        resource.line.say(Offer(offer, "opus"))
        try:
            answer = await self._answer(resource)
        except BaseException:
            self._end(resource)
            raise
        key = secrets.token_urlsafe(18)
        self._resources[key] = resource
        resource.task.add_done_callback(lambda _: self._resources.pop(key, None))
        headers = {"Location": f"/{kind}/resource/{key}", "ETag": resource.etag, "Accept-Patch": TRICKLE_TYPE}
        response = web.Response(status=201, text=answer, content_type=SDP_TYPE, headers=headers)
        for server in resource.line.ice_servers:
            for url in server.urls:
                response.headers.add("Link", _link(url, server))
        return response

    async def patch(self, request: web.Request) -> web.Response:
        """Trickled candidates: 204. An ICE restart is refused with 422: a new POST does it."""
        resource = self._find(request)
        fragment = await _read(request, TRICKLE_TYPE)
        tags = request.headers.get("If-Match")
        if tags is None:
            raise _refused(428, "If-Match with the resource's ETag is missing")
        if _value(fragment, "ice-ufrag") not in (None, resource.fragment) or tags.strip() == "*":
            raise _refused(422, "an ICE restart is not possible here: DELETE this resource and POST a new offer")
        if resource.etag not in [tag.strip() for tag in tags.split(",")]:
            raise _refused(412, "the ETag is not this resource's")
        mid = _value(fragment, "mid")
        for line in fragment.splitlines():
            if line.startswith("a=candidate:"):
                resource.line.say(Candidate(line.removeprefix("a="), mid, 0 if mid is None else None))
            elif line.strip() == "a=end-of-candidates":
                resource.line.say(Candidate(""))
        return web.Response(status=204)

    async def delete(self, request: web.Request) -> web.Response:
        """The participant leaves."""
        self._end(self._find(request))
        del self._resources[request.match_info["name"]]
        return web.Response()

    def _check_right(self, request: web.Request, room: str) -> None:
        """The one place where a request's right to a room is looked at; the join will be looked at again."""
        try:
            self._node.authority.admit(bearer_token(request), room, self._visitors.visitor(request).local)
        except AuthError as error:
            raise refusal(error) from None

    def _begin(self, request: web.Request, kind: str, room: str, offer: str) -> Resource:
        line = Line()
        session = attend(self._node, line, self._visitors.visitor(request))
        task = asyncio.create_task(session, name=kind)
        return Resource(line, task, kind, room, _value(offer, "ice-ufrag") or "")

    async def _answer(self, resource: Resource) -> str:
        hearing = asyncio.create_task(resource.line.heard.get())
        await asyncio.wait([hearing, resource.task], timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not hearing.done():
            hearing.cancel()
            raise _refused(503, "the server did not answer the offer in time")
        message = hearing.result()
        if isinstance(message, Answer):
            return message.sdp
        if isinstance(message, Error):
            raise _refused(STATUS.get(message.code, 500), message.text)
        raise _refused(503, "the server is shutting down")

    def _find(self, request: web.Request) -> Resource:
        resource = self._resources.get(request.match_info["name"])
        if resource is None or resource.kind != request.match_info["kind"]:
            raise _refused(404, "there is no such resource, or it is over")
        self._check_right(request, resource.room)
        return resource

    def _end(self, resource: Resource) -> None:
        resource.line.say(Leave())


def whip_routes(node: Node, visitors: Visitors) -> list[web.RouteDef]:
    """`/whip/ROOM` and `/whep/ROOM`, and the resources that they make."""
    resources = Resources(node, visitors)
    one = "/{kind:whip|whep}/resource/{name}"
    room = "/{kind:whip|whep}/{room}"
    return [
        web.patch(one, resources.patch),
        web.delete(one, resources.delete),
        web.post(room, resources.create),
        web.options(room, _options),
        web.options(one, _options),
    ]


async def _options(request: web.Request) -> web.Response:
    """What may be posted here (RFC 9725, section 4.2)."""
    accepts = {"Accept-Patch": TRICKLE_TYPE} if "name" in request.match_info else {"Accept-Post": SDP_TYPE}
    return web.Response(status=204, headers=accepts)


async def _read(request: web.Request, content_type: str) -> str:
    if request.content_type != content_type:
        raise _refused(415, f"the body must be {content_type}, not {request.content_type}")
    body = b""
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise web.HTTPRequestEntityTooLarge(
                BODY_LIMIT_BYTES, len(body), text=f"the body may have {BODY_LIMIT_BYTES} bytes at most\n"
            )
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused(400, "the body is not UTF-8") from None


def _name(request: web.Request) -> str:
    default = "publisher" if request.match_info["kind"] == "whip" else "listener"
    return _label(request.query.get("name", default), "name")


def _label(text: str, what: str) -> str:
    try:
        return read_label(text, what)
    except FieldError as error:
        raise _refused(400, str(error)) from None


def _link(url: str, server: IceServer) -> str:
    """One ICE server (RFC 9725, section 4.6)."""
    link = f'<{url}>; rel="ice-server"'
    if server.username is not None:
        link += f'; username="{server.username}"; credential="{server.credential}"; credential-type="password"'
    return link


def _value(sdp: str, attribute: str) -> str | None:
    """The first value of an attribute."""
    lines = (line.strip() for line in sdp.splitlines())
    return next((line.partition(":")[2] for line in lines if line.startswith(f"a={attribute}:")), None)


def _refused(status: int, text: str) -> web.HTTPException:
    """The answer to a request that can't be fulfilled, to be raised."""
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else {}
    return _Refusal(status, text=f"{text}\n", headers=headers)


class _Refusal(web.HTTPError):
    """Of any status: sessions refuse for many reasons."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.status_code = status
        super().__init__(text=text, headers=headers)

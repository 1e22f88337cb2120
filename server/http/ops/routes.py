"""The ops API's routes, and the guard before them: every answer is JSON, a fault's too."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from server.auth import AuthError, ForbiddenError
from server.http.ops.bodies import BodyError
from server.http.ops.desk import LONGEST_DRAIN_SECONDS, OPERATOR, Desk
from server.http.ops.openapi import Operation, openapi_document
from server.http.ops.records import (
    BeginDrain,
    BitrateSet,
    CallList,
    CallState,
    Capacity,
    DenoiseSet,
    SessionList,
    SessionState,
    SetBitrate,
    SetDenoise,
)
from server.http.visitors import bearer_token
from server.session import Node
from server.session.orders import GoneError, OrderError, RefusedError, SlowError, UnknownError

DOCUMENT = "/openapi.json"
STATUSES: dict[type[OrderError], tuple[int, str]] = {
    UnknownError: (404, "not-found"),
    RefusedError: (422, "refused"),
    GoneError: (409, "gone"),
    SlowError: (504, "slow"),
}

logger = logging.getLogger(__name__)


def ops_application(node: Node) -> web.Application:
    """To be added as a sub-application at PREFIX."""
    operations = _operations(Desk(node))
    steps = node.media.config.bitrates_kbps
    limits: dict[str, dict[str, Any]] = {
        "bitrate_kbps": {"enum": list(steps)},
        "seconds": {"minimum": 0, "maximum": LONGEST_DRAIN_SECONDS},
    }
    document = openapi_document(operations, version("thinline"), limits)

    async def describe(_: web.Request) -> web.Response:
        return web.json_response(document)

    application = web.Application(middlewares=[_answer_in_json, _guard(node)])
    application.router.add_get(DOCUMENT, describe, allow_head=False)
    for operation in operations:
        application.router.add_route(operation.method, operation.path, operation.handler)
    return application


def _operations(desk: Desk) -> tuple[Operation, ...]:
    call, session, drain = "/calls/{call}", "/sessions/{session}", "/drain"
    turn = (404, 409, 504)  # what can come of an order that waits for its turn
    return (
        Operation("GET", "/calls", "listCalls", "All calls", desk.list_calls, answer=CallList),
        Operation("GET", call, "showCall", "One call", desk.show_call, answer=CallState, problems=(404,)),
        Operation(
            "PUT",
            f"{call}/bitrate",
            "setBitrate",
            "Set a call's bitrate, both directions",
            desk.set_bitrate,
            SetBitrate,
            BitrateSet,
            (422, *turn),
        ),
        Operation("GET", "/sessions", "listSessions", "All sessions", desk.list_sessions, answer=SessionList),
        Operation(
            "GET", session, "showSession", "One session", desk.show_session, answer=SessionState, problems=(404,)
        ),
        Operation(
            "PUT",
            f"{session}/denoise",
            "setDenoise",
            "Switch denoising of a voice",
            desk.set_denoise,
            SetDenoise,
            DenoiseSet,
            turn,
        ),
        Operation("DELETE", session, "endSession", "End a session", desk.end_session, problems=(404, 504)),
        Operation(
            "GET", "/capacity", "showCapacity", "How full the node is", desk.show_capacity, answer=Capacity
        ),
        Operation(
            "PUT",
            drain,
            "beginDrain",
            "Take nothing new; what runs may go on for a while",
            desk.begin_drain,
            BeginDrain,
            Capacity,
            (422,),
        ),
        Operation("DELETE", drain, "endDrain", "Take calls again", desk.end_drain, answer=Capacity),
    )


def _guard(node: Node) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only operators pass; the document is for everybody, for it tells nothing of this node."""
        if not (request.method == "GET" and request.path.endswith(DOCUMENT)):
            request[OPERATOR] = node.authority.operator(bearer_token(request))
        return await handler(request)

    return guard


@web.middleware
async def _answer_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except AuthError as error:
        response = _refuse(request, error)
    except OrderError as error:
        status, code = STATUSES[type(error)]
        response = _fault(status, code, str(error))
    except BodyError as error:
        response = _fault(error.status, "malformed", str(error))
    except web.HTTPException as error:
        response = _fault(error.status, "http", error.reason)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except Exception:
        logger.exception("an operator's request failed")
        response = _fault(500, "internal", "the server made a mistake; its log has the details")
    response.headers["Cache-Control"] = "no-store"
    return response


def _refuse(request: web.Request, error: AuthError) -> web.Response:
    logger.warning("operator refused", extra={"facts": {"method": request.method, "text": str(error)}})
    if isinstance(error, ForbiddenError):
        return _fault(403, "forbidden", str(error))
    response = _fault(401, "unauthorized", str(error))
    response.headers["WWW-Authenticate"] = 'Bearer realm="thinline"'
    return response


def _fault(status: int, code: str, text: str) -> web.Response:
    return web.json_response({"code": code, "text": text}, status=status)

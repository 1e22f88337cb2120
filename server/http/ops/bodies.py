"""Request bodies, strictly: exactly the fields that there are, each of its type."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from aiohttp import web

BODY_LIMIT_BYTES = 4096
EXACT_INTEGERS = 2**53  # integers below it are exact in every JSON reader

Record = TypeVar("Record")


class BodyError(Exception):
    """The body of a request can't be used; `status` is the answer's."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


async def read_body(request: web.Request, record: type[Record]) -> Record:
    """The body as a record of plain fields. Raises BodyError, which names what was wrong."""
    if request.content_type != "application/json":
        raise BodyError(f"the body must be application/json, not {request.content_type}", 415)
    if (request.content_length or 0) > BODY_LIMIT_BYTES:
        raise BodyError(f"the body may have {BODY_LIMIT_BYTES} bytes at most", 413)
    raw = await request.content.read(BODY_LIMIT_BYTES + 1)
    if len(raw) > BODY_LIMIT_BYTES:
        raise BodyError(f"the body may have {BODY_LIMIT_BYTES} bytes at most", 413)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BodyError("the body must be a JSON object")
    return _build(record, body)


def _build(record: type[Record], body: dict[str, Any]) -> Record:
    hints = get_type_hints(record, include_extras=True)
    known = [field.name for field in fields(record)]  # type: ignore[arg-type]
    for name in body:
        if name not in known:
            raise BodyError(f"field {name!a} is unknown; there are {', '.join(known)}")
    for name in known:
        if name not in body:
            raise BodyError(f"field {name} is missing")
    return record(**{name: _check(name, body[name], hints[name]) for name in known})


def _check(name: str, value: object, hint: Any) -> object:
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if kind is bool and not isinstance(value, bool):
        raise BodyError(f"field {name} must be true or false")
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BodyError(f"field {name} must be a number")
        if not abs(value) < EXACT_INTEGERS:
            raise BodyError(f"field {name} must be a number of common size")
        return float(value)
    return value

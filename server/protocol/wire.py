"""Messages from and to JSON text, strictly.

    ProtocolError        what came is no message of this protocol; `code` is the `error` message's code
      MalformedError     not JSON, an unknown type, a field that is missing, unknown or mistyped
      VersionError       a `join` for another protocol version

A field that stands at its default is left out on the wire, and may be left out by the sender.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, ClassVar

from server.protocol.fields import FieldError, Reader, readers
from server.protocol.messages import ClientMessage, Codec, IceServer, Join, Participant, Room, ServerMessage

VERSION = 1
MESSAGE_LIMIT_BYTES = 64 * 1024


class ProtocolError(ValueError):
    """What came is no message of this protocol."""

    code: ClassVar[str] = "malformed"


class MalformedError(ProtocolError):
    """Not JSON, an unknown type, or a field that is missing, unknown or mistyped."""


class VersionError(ProtocolError):
    """A `join` for a protocol version that this side does not speak."""

    code: ClassVar[str] = "version"

_RECORDS: dict[type, dict[str, Reader]] = {}
for _record in (IceServer, Participant, Room, Codec, *ClientMessage.__args__, *ServerMessage.__args__):
    _RECORDS.setdefault(_record, readers(_record, lambda cls, value, path: _build(cls, value, path)))

_FROM_CLIENT: dict[str, type] = {cls.type: cls for cls in ClientMessage.__args__}
_FROM_SERVER: dict[str, type] = {cls.type: cls for cls in ServerMessage.__args__}


def parse_client(text: str) -> ClientMessage:
    """The message that a client sent. Raises MalformedError or VersionError, which name what was wrong."""
    kind, body = _open(text, _FROM_CLIENT)
    version = body.get("version")
    if kind is Join and type(version) is int and version != VERSION:
        raise VersionError(f"protocol version {version} is not spoken here; this server speaks {VERSION}")
    return _message(kind, body)  # type: ignore[no-any-return]


def parse_server(text: str) -> ServerMessage:
    """The message that a server sent. Raises MalformedError, which names what was wrong."""
    kind, body = _open(text, _FROM_SERVER)
    return _message(kind, body)  # type: ignore[no-any-return]


def serialise(message: ClientMessage | ServerMessage) -> str:
    """The message as one JSON object. Raises ValueError for numbers that JSON has not (NaN, infinities)."""
    return json.dumps({"type": message.type, **_plain(message)}, allow_nan=False, separators=(",", ":"))


def _open(text: str, kinds: Mapping[str, type]) -> tuple[type, dict[str, Any]]:
    """Takes the JSON object and its `type` apart."""
    if len(text) > MESSAGE_LIMIT_BYTES or len(text.encode("utf-8", "replace")) > MESSAGE_LIMIT_BYTES:
        raise MalformedError(f"a message may have {MESSAGE_LIMIT_BYTES} bytes at most")
    try:
        body = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except RecursionError:
        raise MalformedError("the message is nested too deeply") from None
    except ValueError as error:
        raise MalformedError(f"the message is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise MalformedError("a message must be one JSON object")
    kind = body.pop("type", None)
    if not isinstance(kind, str):
        raise MalformedError("the message has no type" if kind is None else "field type must be a string")
    if kind not in kinds:
        raise MalformedError(f"unknown message type {_shorten(kind)}; known: {', '.join(sorted(kinds))}")
    return kinds[kind], body


def _message(kind: type, body: dict[str, Any]) -> Any:
    try:
        return _build(kind, body, "")
    except FieldError as error:
        raise MalformedError(f"{kind.type}: {error}") from None  # type: ignore[attr-defined]


def _build(cls: type, value: object, path: str) -> Any:
    """The record `cls` from a JSON object; `path` is where it stands, for the error's text."""
    if not isinstance(value, dict):
        raise FieldError(path, "must be an object")
    place = f"{path}." if path else ""
    known = _RECORDS[cls]
    if unknown := sorted(value.keys() - known.keys()):
        raise FieldError(place + _shorten(unknown[0]), "is unknown")
    arguments = {}
    for field in fields(cls):
        if field.name in value:
            arguments[field.name] = known[field.name](value[field.name], place + field.name)
        elif field.default is MISSING:
            raise FieldError(place + field.name, "is missing")
    return cls(**arguments)


def _plain(record: Any) -> dict[str, Any]:
    return {
        field.name: _plain_value(getattr(record, field.name))
        for field in fields(record)
        if field.default is MISSING or getattr(record, field.name) != field.default
    }


def _plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain_value(item) for item in value]
    return _plain(value) if type(value) in _RECORDS else value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) < len(pairs):
        raise ValueError("a field stands there twice")
    return body


def _shorten(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "...")

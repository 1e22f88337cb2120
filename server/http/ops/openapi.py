"""The OpenAPI 3.1 document, made from the same table and records that the API runs by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from aiohttp.typedefs import Handler

from server.http.ops.records import Fault

PREFIX = "/api/v1"
JSON_TYPES: dict[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
PROBLEMS = {
    400: "The body can't be read.",
    401: "No token, or none that counts.",
    403: "The token is not an operator's.",
    404: "There is no such call or session.",
    409: "The session ended before its turn came.",
    413: "The body is too long.",
    415: "The body is no JSON.",
    422: "It asks for what can't be.",
    504: "The session did not come to it in time.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the API. `answer` None: 204, without a body. `problems`: statuses beside those of the token."""

    method: Literal["GET", "PUT", "DELETE"]
    path: str
    name: str
    summary: str
    handler: Handler
    body: type | None = None
    answer: type | None = None
    problems: tuple[int, ...] = ()


def openapi_document(
    operations: Sequence[Operation], version: str, limits: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """`limits` adds bounds to fields of bodies, by the field's name."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation, schemas)
    for operation in operations:
        if operation.body is not None:
            for name, bounds in limits.items():
                schemas[operation.body.__name__]["properties"].get(name, {}).update(bounds)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "thinline ops API",
            "version": version,
            "description": "Watch and steer a node: docs/ops-api.md.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"operator": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "thinline token --role ops --name NAME",
                }
            },
        },
    }


def _describe(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    problems = {401, 403, *operation.problems, *((400, 413, 415) if operation.body else ())}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {
            **_success(operation.answer, schemas),
            **{str(status): _content(Fault, PROBLEMS[status], schemas) for status in sorted(problems)},
        },
    }
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    if names:
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if operation.body is not None:
        described["requestBody"] = {"required": True, **_content(operation.body, "", schemas)}
    return described


def _success(answer: type | None, schemas: dict[str, Any]) -> dict[str, Any]:
    if answer is None:
        return {"204": {"description": "Done."}}
    return {"200": _content(answer, answer.__doc__ or "", schemas)}


def _content(record: type, description: str, schemas: dict[str, Any]) -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": _schema(record, schemas)}}}
    return {"description": description, **content} if description else content


def _schema(hint: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a type; that of a record goes into `schemas`."""
    if get_origin(hint) is Annotated:
        inner, text = get_args(hint)
        return {**_schema(inner, schemas), "description": text}
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (arm for arm in get_args(hint) if arm is not NoneType)
        schema = _schema(inner, schemas)
        return {"type": [schema["type"], "null"]} if "type" in schema else {"anyOf": [schema, {"type": "null"}]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _schema(get_args(hint)[0], schemas)}
    if is_dataclass(hint):
        return _record(hint, schemas)
    return {"type": JSON_TYPES[hint]}


def _record(record: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if record.__name__ not in schemas:
        hints = get_type_hints(record, include_extras=True)
        names = [field.name for field in fields(record)]
        schemas[record.__name__] = {
            "type": "object",
            "description": record.__doc__,
            "properties": {name: _schema(hints[name], schemas) for name in names},
            "required": names,
            "additionalProperties": False,
        }
    return {"$ref": f"#/components/schemas/{record.__name__}"}

"""Strict readers for the fields of a message, derived from the dataclass's own annotations."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

Reader = Callable[[object, str], Any]  # a JSON value and where it stands -> the value
Build = Callable[[type, object, str], Any]  # makes a nested record

LABEL_LIMIT = 64
EXACT_INTEGERS = 2**53  # the integers that every JSON reader keeps exact lie below
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, line and paragraph separators


class FieldError(ValueError):
    """A field that is missing, unknown or mistyped."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"field {path} {problem}")


class Label:
    """Marks a string that people read: stripped, 1 to 64 characters, none of them a control character."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """Marks a string that has no more than so many characters."""

    limit: int


def readers(record: Any, build: Build) -> dict[str, Reader]:
    """A reader for each field of the dataclass `record`; `build` makes the records inside it."""
    hints = get_type_hints(record, include_extras=True)
    return {field.name: _reader(hints[field.name], build) for field in fields(record)}


def _reader(hint: Any, build: Build) -> Reader:
    if get_origin(hint) is Annotated:
        (mark,) = get_args(hint)[1:]
        return read_label if mark is Label else lambda value, path: _read_bounded(value, path, mark.limit)
    if get_origin(hint) is Literal:
        return lambda value, path: _read_choice(value, path, get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (arm for arm in get_args(hint) if arm is not NoneType)
        read = _reader(inner, build)
        return lambda value, path: None if value is None else read(value, path)
    if get_origin(hint) is tuple:
        read_item = _reader(get_args(hint)[0], build)
        return lambda value, path: _read_list(value, path, read_item)
    if is_dataclass(hint):
        return lambda value, path: build(cast(type, hint), value, path)
    return _PLAIN[hint]


def read_string(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise FieldError(path, "must be a string")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise FieldError(path, "holds half a character (a lone surrogate)")
    return value


def read_label(value: object, path: str) -> str:
    label = read_string(value, path).strip()
    if not 1 <= len(label) <= LABEL_LIMIT:
        raise FieldError(path, f"must have 1 to {LABEL_LIMIT} characters")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in label):
        raise FieldError(path, "must not hold control characters")
    return label


def _read_bounded(value: object, path: str, limit: int) -> str:
    text = read_string(value, path)
    if len(text) > limit:
        raise FieldError(path, f"must have at most {limit} characters")
    return text


def read_boolean(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise FieldError(path, "must be true or false")
    return value


def read_integer(value: object, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= EXACT_INTEGERS:
        raise FieldError(path, "must be an integer")
    return value


def read_number(value: object, path: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) < EXACT_INTEGERS:
        raise FieldError(path, "must be a number")
    return float(value)


def _read_choice(value: object, path: str, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise FieldError(path, f"must be one of {', '.join(choices)}")
    return value


def _read_list(value: object, path: str, read_item: Reader) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise FieldError(path, "must be a list")
    return tuple(read_item(item, f"{path}[{position}]") for position, item in enumerate(value))


_PLAIN: dict[Any, Reader] = {str: read_string, bool: read_boolean, int: read_integer, float: read_number}

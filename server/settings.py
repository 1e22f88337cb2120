"""Where settings come from: a TOML file, then THINLINE_* environment variables, then flags, which have the last word.

Every source knows the same names, those of ServerConfig's fields; the variable of `port` is THINLINE_PORT.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

from codec.engine import VARIABLES as ENGINE_VARIABLES
from server.config import ConfigError, ServerConfig
from server.protocol import IceServer

PREFIX = "THINLINE_"
CONFIG_VARIABLE = "THINLINE_CONFIG"  # names the file, as --config does
OTHERS = (CONFIG_VARIABLE, "THINLINE_OPS_TOKEN", *ENGINE_VARIABLES)  # what other parts of thinline read
ICE_SCHEMES = ("stun", "stuns", "turn", "turns")


def read_config(environment: Mapping[str, str], flags: Mapping[str, object]) -> ServerConfig:
    """The settings of all sources; of the flags, those that are settings and not None. Raises ConfigError."""
    settings: dict[str, Any] = {}
    file = flags.get("config") or environment.get(CONFIG_VARIABLE)
    if file is not None:
        settings |= _read_file(Path(str(file)))
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and variable not in OTHERS and text:  # an empty one is none
            settings[variable.removeprefix(PREFIX).lower()] = _read_variable(variable, text)
    given = {name: value for name, value in flags.items() if value is not None and name in _KINDS}
    return ServerConfig(**(settings | given))


def print_config(config: ServerConfig) -> str:
    """All settings as a TOML file would say them, without secrets."""
    return "\n".join(_line(field.name, getattr(config, field.name)) for field in fields(config))


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no TOML file: {error}") from None
    settings = {}
    for name, value in values.items():
        if name not in _KINDS:
            raise ConfigError(f"{path}: {name!r} is no setting; there are {', '.join(_KINDS)}")
        try:
            settings[name] = _KINDS[name].check(value)
        except ValueError as error:
            raise ConfigError(f"{path}: {name}: {error}") from None
    return settings


def _read_variable(variable: str, text: str) -> object:
    kind = _KINDS.get(variable.removeprefix(PREFIX).lower())
    if kind is None:
        known = ", ".join(PREFIX + name.upper() for name in _KINDS)
        raise ConfigError(f"{variable} is no setting; there are {known}")
    try:
        return kind.check(kind.parse(text))
    except ValueError as error:
        raise ConfigError(f"{variable}: {error}") from None


class _Kind(NamedTuple):
    """A sort of value: `parse` makes of a text what a TOML file would hold, `check` makes that a setting."""

    parse: Callable[[str], object]
    check: Callable[[object], Any]


def _parse_integer(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def _parse_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _parse_switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def _parse_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{error}; {ICE_EXAMPLE}") from None


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("it must be a text")  # the value may be a secret
    return value


def _check_integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no whole number")
    return value


def _check_number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _check_switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _check_texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")
    return tuple(map(_check_text, value))


def _check_networks(value: object) -> object:
    try:
        return tuple(map(ip_network, _check_texts(value)))
    except ValueError as error:
        raise ValueError(f"{error}; it must be a list such as 127.0.0.1, 172.16.0.0/12") from None


def _check_ports(value: object) -> tuple[int, int]:
    first, dash, last = _check_text(value).partition("-")
    if not (dash and first.strip().isdecimal() and last.strip().isdecimal()):
        raise ValueError(f"{value!r} is no range such as 40000-40199")
    return int(first), int(last)


def _check_urls(value: object) -> tuple[str, ...]:
    urls = _check_texts(value)
    for url in urls:
        if url.partition(":")[0] not in ICE_SCHEMES:
            raise ValueError(f"{url!r} begins with neither stun: nor turn:")
    return urls


ICE_EXAMPLE = 'it must be a JSON list such as [{"urls": ["stun:stun.example.org"]}]'


def _check_ice_servers(value: object) -> tuple[IceServer, ...]:
    """A list as in RTCConfiguration: `[{"urls": ["stun:..."], "username": "...", "credential": "..."}]`."""
    if not isinstance(value, list):
        raise ValueError(ICE_EXAMPLE)
    return tuple(map(_check_ice_server, value))


def _check_ice_server(entry: object) -> IceServer:
    known = {item.name for item in fields(IceServer)}
    if not isinstance(entry, dict) or "urls" not in entry or not entry.keys() <= known:
        raise ValueError(f"each server has urls, and may have username and credential; {ICE_EXAMPLE}")
    urls = [entry["urls"]] if isinstance(entry["urls"], str) else entry["urls"]
    if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
        raise ValueError(f"urls must be a string or a list of strings; {ICE_EXAMPLE}")
    names = (entry.get("username"), entry.get("credential"))
    if not all(name is None or isinstance(name, str) for name in names):
        raise ValueError("username and credential must be strings")
    return IceServer(_check_urls(urls), *names)


_TEXT = _Kind(str, _check_text)
_PATH = _Kind(str, lambda value: Path(_check_text(value)))
_INTEGER = _Kind(_parse_integer, _check_integer)
_NUMBER = _Kind(_parse_number, _check_number)
_SWITCH = _Kind(_parse_switch, _check_switch)

_KINDS: dict[str, _Kind] = {
    "host": _TEXT,
    "port": _INTEGER,
    "engine": _TEXT,
    "weights": _PATH,
    "workers": _INTEGER,
    "batch": _INTEGER,
    "pin_workers": _SWITCH,
    "bitrate_kbps": _NUMBER,
    "constant_bitrate": _SWITCH,
    "max_sessions": _INTEGER,
    "max_rooms": _INTEGER,
    "seats_per_address": _INTEGER,
    "ice_servers": _Kind(_parse_json, _check_ice_servers),
    "turn_urls": _Kind(_parse_list, _check_urls),
    "turn_secret": _TEXT,
    "udp_ports": _Kind(str, _check_ports),
    "public_address": _TEXT,
    "traces_endpoint": _TEXT,
    "tls_cert": _PATH,
    "tls_key": _PATH,
    "tls_self_signed": _SWITCH,
    "token_secret": _TEXT,
    "open": _SWITCH,
    "trusted_proxies": _Kind(_parse_list, _check_networks),
    "drain_seconds": _NUMBER,
    "log_level": _TEXT,
}


def _line(name: str, value: object) -> str:
    if value is None:
        return f"# {name} is not set"
    if name.endswith("_secret"):
        return f"# {name} is set"
    if name == "udp_ports" and isinstance(value, tuple):
        value = f"{value[0]}-{value[1]}"
    return f"{name} = {_toml(value)}"


def _toml(value: object) -> str:
    match value:
        case bool() | int() | float():
            return json.dumps(value)
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case IceServer():
            shown = {"urls": value.urls, "username": value.username, "credential": value.credential and "..."}
            pairs = (f"{name} = {_toml(part)}" for name, part in shown.items() if part is not None)
            return f"{{ {', '.join(pairs)} }}"
    return json.dumps(str(value), ensure_ascii=False)

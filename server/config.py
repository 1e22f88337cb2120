"""The server's settings, from THINLINE_* environment variables and the command line, which has the last word."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from math import ceil
from pathlib import Path
from typing import Any

from codec.engine import VARIABLES as ENGINE_VARIABLES
from server.auth import SECRET_BYTES, Opening, is_loopback_name
from server.cpus import usable_cores
from server.protocol import IceServer

PREFIX = "THINLINE_"
LOG_LEVELS = ("debug", "info", "warning", "error")


class ConfigError(ValueError):
    """A setting that can't be used; the text names it."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What each does: docs/operations.md. The variable of `ice_servers` is THINLINE_ICE_SERVERS, and so on."""

    host: str = "localhost"
    port: int = 8080
    engine: str | None = None  # the fastest that runs here
    weights: Path | None = None
    workers: int = field(default_factory=lambda: ceil(usable_cores()))
    batch: int = 1
    pin_workers: bool = False
    bitrate_kbps: float = 6.0
    max_sessions: int | None = None  # as many as the node measures that it can bear
    ice_servers: tuple[IceServer, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_self_signed: bool = False
    token_secret: str | None = field(default=None, repr=False)
    open: bool = False
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    log_level: str = "info"

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port {self.port} is outside 0..65535")
        if self.workers < 1:
            raise ConfigError(f"workers {self.workers}: there must be at least one")
        if self.batch < 1:
            raise ConfigError(f"batch {self.batch}: there must be at least one stream in it")
        if self.max_sessions is not None and self.max_sessions < 2:
            raise ConfigError(f"max_sessions {self.max_sessions}: a call needs two")
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(f"log_level {self.log_level!r} is not one of {', '.join(LOG_LEVELS)}")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("a TLS certificate needs its key, and a key its certificate: tls_cert and tls_key")
        if self.tls_self_signed and self.tls_cert is not None:
            raise ConfigError("tls_self_signed makes a certificate of its own: leave tls_cert and tls_key out")
        if self.token_secret is not None and len(self.token_secret.encode()) < SECRET_BYTES:
            raise ConfigError(f"token_secret is under {SECRET_BYTES} bytes: thinline token --new-secret makes one")
        if self.token_secret is None and not self.open and not is_loopback_name(self.host):
            raise ConfigError(
                f"host {self.host!r} can be reached from elsewhere, so anyone could call: set a token_secret, so that "
                "calls need tokens (thinline token --new-secret makes one), or say --open if it shall be so"
            )

    @property
    def opening(self) -> Opening:
        """Who may call without a token."""
        if self.open:
            return Opening.EVERYBODY
        return Opening.LOCAL if self.token_secret is None else Opening.NOBODY

    @property
    def tls(self) -> bool:
        return self.tls_self_signed or self.tls_cert is not None


def read_config(environment: Mapping[str, str], flags: Mapping[str, object]) -> ServerConfig:
    """Settings from the environment, then from those flags that are not None. Raises ConfigError."""
    settings: dict[str, Any] = {}
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and variable not in ENGINE_VARIABLES:
            settings[variable.removeprefix(PREFIX).lower()] = _read_variable(variable, text)
    return ServerConfig(**(settings | {name: value for name, value in flags.items() if value is not None}))


def _read_variable(variable: str, text: str) -> object:
    reader = _READERS.get(variable.removeprefix(PREFIX).lower())
    if reader is None:
        known = ", ".join(PREFIX + name.upper() for name in _READERS)
        raise ConfigError(f"{variable} is no setting; there are {known}")
    try:
        return reader(text)
    except ValueError as error:
        raise ConfigError(f"{variable}: {error}") from None


def _read_integer(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _read_switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def _read_ice_servers(text: str) -> tuple[IceServer, ...]:
    """A JSON list as in RTCConfiguration: `[{"urls": ["stun:..."], "username": "...", "credential": "..."}]`."""
    example = 'it must be a JSON list such as [{"urls": ["stun:stun.example.org"]}]'
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{error}; {example}") from None
    if not isinstance(entries, list):
        raise ValueError(example)
    return tuple(_ice_server(entry, example) for entry in entries)


def _ice_server(entry: object, example: str) -> IceServer:
    known = {item.name for item in fields(IceServer)}
    if not isinstance(entry, dict) or "urls" not in entry or not entry.keys() <= known:
        raise ValueError(f"each server has urls, and may have username and credential; {example}")
    urls = [entry["urls"]] if isinstance(entry["urls"], str) else entry["urls"]
    if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
        raise ValueError(f"urls must be a string or a list of strings; {example}")
    for url in urls:
        if url.partition(":")[0] not in ("stun", "stuns", "turn", "turns"):
            raise ValueError(f"{url!r} begins with neither stun: nor turn:")
    names = (entry.get("username"), entry.get("credential"))
    if not all(name is None or isinstance(name, str) for name in names):
        raise ValueError("username and credential must be strings")
    return IceServer(tuple(urls), *names)


def _read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"{error}; it must be a list such as 127.0.0.1, 172.16.0.0/12") from None


_READERS: dict[str, Callable[[str], object]] = {
    "host": str,
    "port": _read_integer,
    "engine": str,
    "weights": Path,
    "workers": _read_integer,
    "batch": _read_integer,
    "pin_workers": _read_switch,
    "bitrate_kbps": _read_number,
    "max_sessions": _read_integer,
    "ice_servers": _read_ice_servers,
    "tls_cert": Path,
    "tls_key": Path,
    "tls_self_signed": _read_switch,
    "token_secret": str,
    "open": _read_switch,
    "trusted_proxies": _read_networks,
    "log_level": str,
}

"""The server's settings, as one checked value. Where they come from: server/settings.py."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from math import ceil
from pathlib import Path

from server.auth import Opening, is_loopback_name
from server.cpus import usable_cores
from server.protocol import IceServer
from server.protocol.token import SECRET_BYTES

LOG_LEVELS = ("debug", "info", "warning", "error")


class ConfigError(ValueError):
    """A setting that can't be used; the text names it."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What each does: docs/operations.md. `udp_ports` are the first and the last one."""

    host: str = "localhost"
    port: int = 8080
    engine: str | None = None  # the fastest that runs here
    weights: Path | None = None
    workers: int = field(default_factory=lambda: ceil(usable_cores()))
    batch: int = 16
    pin_workers: bool = False
    bitrate_kbps: float = 6.0
    constant_bitrate: bool = False
    max_sessions: int | None = None  # as many as the node measures that it can bear
    max_rooms: int | None = None  # as many as there are seats
    seats_per_address: int = 16
    ice_servers: tuple[IceServer, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: str | None = field(default=None, repr=False)
    udp_ports: tuple[int, int] | None = None  # any that the kernel picks
    public_address: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_self_signed: bool = False
    token_secret: str | None = field(default=None, repr=False)
    open: bool = False
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    drain_seconds: float = 20.0
    traces_endpoint: str | None = None
    log_level: str = "info"

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_network()
        self._check_rights()
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(f"log_level {self.log_level!r} is not one of {', '.join(LOG_LEVELS)}")

    def _check_sizes(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port {self.port} is outside 0..65535")
        if self.workers < 1:
            raise ConfigError(f"workers {self.workers}: there must be at least one")
        if self.batch < 1:
            raise ConfigError(f"batch {self.batch}: there must be at least one stream in it")
        if self.max_sessions is not None and self.max_sessions < 2:
            raise ConfigError(f"max_sessions {self.max_sessions}: a call needs two")
        if self.max_rooms is not None and self.max_rooms < 1:
            raise ConfigError(f"max_rooms {self.max_rooms}: there must be at least one")
        if self.seats_per_address < 1:
            raise ConfigError(f"seats_per_address {self.seats_per_address}: there must be at least one")
        if not 0 <= self.drain_seconds < float("inf"):
            raise ConfigError(f"drain_seconds {self.drain_seconds:g}: it must be a time, or 0")

    def _check_network(self) -> None:
        if (not self.turn_urls) != (self.turn_secret is None):
            raise ConfigError("a TURN server needs its secret, and the secret its server: turn_urls and turn_secret")
        if self.udp_ports is not None and not 1024 <= self.udp_ports[0] <= self.udp_ports[1] <= 65535:
            raise ConfigError(f"udp_ports {self.udp_ports[0]}-{self.udp_ports[1]}: they must rise from 1024 to 65535")
        if self.traces_endpoint is not None and not re.match(r"https?://[^/]+/", self.traces_endpoint):
            raise ConfigError(
                f"traces_endpoint {self.traces_endpoint!r} is no address such as http://localhost:4318/v1/traces"
            )
        if self.public_address is not None:
            _check_public_address(self.public_address)

    def _check_rights(self) -> None:
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


def _check_public_address(text: str) -> None:
    try:
        address = ip_address(text)
    except ValueError:
        raise ConfigError(f"public_address {text!r} is no IP address") from None
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        raise ConfigError(f"public_address {text} is nowhere that a browser could send to")

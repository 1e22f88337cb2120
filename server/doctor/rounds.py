"""All checks, one after the other."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from codec.config import BitrateError
from codec.engine import EngineError, load_engine
from server.auth import Opening
from server.config import ServerConfig
from server.doctor.certificate import check_tls
from server.doctor.findings import Finding, Verdict
from server.doctor.ports import check_address, check_tcp_port, check_udp_ports
from server.protocol import IceServer
from server.rtc.probe import ProbeError, probe_ice_server
from server.turn import TurnServers

OLDEST_PYTHON = (3, 11)


async def examine(config: ServerConfig) -> AsyncIterator[Finding]:
    """Finding by finding, the quick ones first."""
    yield check_python(sys.version_info[:2])
    yield check_engine(config)
    yield check_rights(config)
    yield check_tls(config, datetime.now(UTC))
    yield check_tcp_port(config)
    yield check_udp_ports(config)
    yield check_address(config)
    servers = list(config.ice_servers)
    if config.turn_secret is not None:
        servers.append(TurnServers(config.turn_urls, config.turn_secret).credentials("doctor", time.time()))
    if not servers:
        yield Finding(Verdict.OK, "relay", "no STUN or TURN server is named: right for one network, or a public server")
    for server in servers:
        for url in server.urls:
            yield await _check_ice_server(url, server)


def check_python(version: tuple[int, ...]) -> Finding:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    if version < OLDEST_PYTHON:
        return Finding(Verdict.FAIL, "Python", f"{platform.python_version()} is too old: {wanted} at the least")
    return Finding(Verdict.OK, "Python", platform.python_version())


def check_engine(config: ServerConfig) -> Finding:
    try:
        engine = load_engine(config.engine, config.weights)
        engine.config.n_q(config.bitrate_kbps)
    except (EngineError, BitrateError) as error:
        return Finding(Verdict.FAIL, "engine", str(error))
    return Finding(Verdict.OK, "engine", f"{engine.name} runs model {engine.model_id} in {engine.precision}")


def check_rights(config: ServerConfig) -> Finding:
    operators = "" if config.token_secret is not None else "; no operators, for there is no token_secret"
    if config.opening is Opening.EVERYBODY:
        return Finding(Verdict.WARN, "rights", f"open: whoever reaches this server may call{operators}")
    who = "who has a token" if config.opening is Opening.NOBODY else "programs on this machine"
    return Finding(Verdict.OK, "rights", f"calls for {who} alone{operators}")


async def _check_ice_server(url: str, server: IceServer) -> Finding:
    about = url.partition(":")[0].upper().removesuffix("S")
    try:
        text = await probe_ice_server(url, server.username, server.credential)
    except ProbeError as error:
        return Finding(Verdict.FAIL, about, f"{url}: {error}")
    return Finding(Verdict.OK, about, f"{url}: {text}")

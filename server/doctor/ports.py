"""Are the ports free, and is what browsers are told to send to within reach?"""

from __future__ import annotations

import socket
from ipaddress import ip_address

from server.auth import is_loopback_name
from server.config import ServerConfig
from server.doctor.findings import Finding, Verdict
from server.rtc.interfaces import host_addresses


def check_tcp_port(config: ServerConfig) -> Finding:
    about = "page"
    try:
        kind, _, _, _, address = socket.getaddrinfo(config.host or None, config.port, type=socket.SOCK_STREAM,
                                                    flags=socket.AI_PASSIVE)[0]  # fmt: skip
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        text = f"can't listen on {config.host} TCP port {config.port}: {error.strerror}; perhaps a server runs already"
        return Finding(Verdict.FAIL, about, text)
    return Finding(Verdict.OK, about, f"{config.host} TCP port {config.port} is free")


def check_udp_ports(config: ServerConfig) -> Finding:
    about = "sound"
    if config.udp_ports is None:
        return Finding(Verdict.OK, about, "UDP ports that the kernel picks; udp_ports names a range for firewalls")
    first, last = config.udp_ports
    free = sum(_is_free(port) for port in range(first, last + 1))
    text = f"{free} of {last - first + 1} UDP ports are free, {first}-{last}"
    if free == 0:
        return Finding(Verdict.FAIL, about, text)
    return Finding(Verdict.OK if free == last - first + 1 else Verdict.WARN, about, text)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def check_address(config: ServerConfig) -> Finding:
    """Under which addresses browsers are told to send their sound."""
    about, own = "address", host_addresses()
    if config.public_address is not None:
        where = "one of this machine's" if config.public_address in own else "not this machine's own: a NAT maps it"
        return Finding(Verdict.OK, about, f"browsers are offered {config.public_address}, {where}")
    text = f"browsers are offered {', '.join(own) or 'nothing but 127.0.0.1'}"
    if is_loopback_name(config.host):
        return Finding(Verdict.OK, about, text)
    if not any(ip_address(address).is_global for address in own):
        text += ": none is public; from outside this network calls need a public_address or a TURN server"
        return Finding(Verdict.WARN, about, text)
    return Finding(Verdict.OK, about, text)

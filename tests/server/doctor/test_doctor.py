"""What the doctor finds, where it is well and where it isn't."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import thinline
from server.config import ServerConfig
from server.doctor.certificate import check_tls
from server.doctor.findings import Verdict
from server.doctor.ports import check_address, check_tcp_port, check_udp_ports
from server.doctor.rounds import check_engine, check_python, check_rights
from server.tls import LIFETIME, self_signed_pem

NOW = datetime.now(UTC)
SECRET = "a secret of thirty-two characters"
FIRST = 43310


@pytest.fixture
def certified(tmp_path: Path) -> ServerConfig:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    for path, pem in zip((certificate, key), self_signed_pem(["call.example.org", "192.0.2.1"]), strict=True):
        path.write_bytes(pem)
    return ServerConfig(tls_cert=certificate, tls_key=key)


@pytest.mark.parametrize(
    ("days", "verdict", "says"),
    [
        (-2, Verdict.FAIL, "is not valid before"),
        (0, Verdict.OK, "for call.example.org, 192.0.2.1, valid for 364 more days"),
        (LIFETIME.days - 10, Verdict.WARN, "valid for 9 more days"),
        (LIFETIME.days, Verdict.FAIL, "expired on"),
    ],
)
def test_a_certificate_has_its_time(certified: ServerConfig, days: int, verdict: Verdict, says: str) -> None:
    finding = check_tls(certified, NOW + timedelta(days=days))
    assert finding.verdict is verdict
    assert says in finding.text


@pytest.mark.parametrize(
    ("config", "verdict", "says"),
    [
        (ServerConfig(), Verdict.OK, "none"),
        (ServerConfig("0.0.0.0", open=True), Verdict.WARN, "no microphone"),
        (ServerConfig(tls_self_signed=True), Verdict.WARN, "self-signed"),
        (ServerConfig(tls_cert=Path("absent.pem"), tls_key=Path("k")), Verdict.FAIL, "absent.pem: No such file"),
    ],
    ids=["here", "everywhere", "self-signed", "absent"],
)
def test_without_a_certificate(config: ServerConfig, verdict: Verdict, says: str) -> None:
    finding = check_tls(config, NOW)
    assert (finding.verdict, says in finding.text) == (verdict, True)


def test_a_tcp_port_is_free_or_not() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finding = check_tcp_port(ServerConfig("127.0.0.1", port))
        assert finding.verdict is Verdict.FAIL
        assert f"port {port}: Address already in use" in finding.text
    assert check_tcp_port(ServerConfig("127.0.0.1", port)).verdict is Verdict.OK
    assert check_tcp_port(ServerConfig("no.such.host.invalid", open=True)).verdict is Verdict.FAIL


def test_udp_ports_are_counted() -> None:
    config = ServerConfig(udp_ports=(FIRST, FIRST + 1))
    assert check_udp_ports(config).text.startswith("2 of 2")
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("0.0.0.0", FIRST))
        assert check_udp_ports(config).verdict is Verdict.WARN
        other.bind(("0.0.0.0", FIRST + 1))
        assert check_udp_ports(config).verdict is Verdict.FAIL
    assert check_udp_ports(ServerConfig()).verdict is Verdict.OK


def test_what_browsers_are_offered_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.doctor.ports.host_addresses", lambda: ["10.0.0.5"])
    everywhere = {"host": "0.0.0.0", "open": True}
    private = check_address(ServerConfig(**everywhere))  # type: ignore[arg-type]
    assert (private.verdict, "10.0.0.5" in private.text) == (Verdict.WARN, True)
    mapped = check_address(ServerConfig(**everywhere, public_address="9.9.9.9"))  # type: ignore[arg-type]
    assert (mapped.verdict, "a NAT maps it" in mapped.text) == (Verdict.OK, True)
    assert check_address(ServerConfig()).verdict is Verdict.OK
    monkeypatch.setattr("server.doctor.ports.host_addresses", lambda: ["9.9.9.9"])
    assert check_address(ServerConfig(**everywhere)).verdict is Verdict.OK  # type: ignore[arg-type]


def test_the_engine_and_its_weights() -> None:
    assert check_engine(ServerConfig(engine="onnx")).verdict is Verdict.OK
    assert check_engine(ServerConfig(weights=Path("absent"))).verdict is Verdict.FAIL
    odd = check_engine(ServerConfig(engine="onnx", bitrate_kbps=5))
    assert (odd.verdict, "bitrate 5" in odd.text) == (Verdict.FAIL, True)


def test_who_may_call() -> None:
    assert check_rights(ServerConfig(token_secret=SECRET)).text == "calls for who has a token alone"
    assert check_rights(ServerConfig(open=True)).verdict is Verdict.WARN
    assert check_rights(ServerConfig()).verdict is Verdict.OK


def test_an_old_python_will_not_do() -> None:
    assert check_python((3, 10)).verdict is Verdict.FAIL


def test_the_command_says_all_and_ends_with_1_where_something_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("server.rtc.probe.PROBE_SECONDS", 0.2)
    arguments = ["doctor", "--host", "127.0.0.1", "--port", "0"]
    assert thinline.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert all(line.startswith("ok ") for line in lines)
    monkeypatch.setenv("THINLINE_TURN_URLS", "turn:127.0.0.1:9,stun:127.0.0.1:9,turn:")
    monkeypatch.setenv("THINLINE_TURN_SECRET", "north")
    assert thinline.main(arguments) == 1
    printed = capsys.readouterr().out
    assert "fail  TURN         turn:127.0.0.1:9: no answer" in printed
    assert "fail  STUN         stun:127.0.0.1:9: no answer" in printed
    assert "is no address of a STUN or TURN server" in printed
    assert "north" not in printed

"""Settings: from the environment, from flags, and what can't be used."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from server.auth import Opening
from server.config import ConfigError, ServerConfig
from server.protocol import IceServer
from server.settings import print_config, read_config

SECRET = "a secret of thirty-two characters"


def test_nothing_given_means_a_call_on_this_machine() -> None:
    config = read_config({"PATH": "/bin"}, {})
    assert (config.host, config.port, config.engine, config.ice_servers) == ("localhost", 8080, None, ())
    assert config.workers >= 1
    assert not config.tls


def test_every_setting_has_its_variable() -> None:
    config = read_config(
        {
            "THINLINE_HOST": "0.0.0.0",
            "THINLINE_PORT": "9000",
            "THINLINE_ENGINE": "torch",
            "THINLINE_WEIGHTS": "w",
            "THINLINE_WORKERS": "3",
            "THINLINE_BITRATE_KBPS": "4.5",
            "THINLINE_BATCH": "4",
            "THINLINE_PIN_WORKERS": "1",
            "THINLINE_MAX_SESSIONS": "8",
            "THINLINE_ICE_SERVERS": '[{"urls": "turn:t", "username": "u", "credential": "c"}, {"urls": ["stun:s"]}]',
            "THINLINE_TLS_CERT": "c.pem",
            "THINLINE_TLS_KEY": "k.pem",
            "THINLINE_TLS_SELF_SIGNED": "0",
            "THINLINE_TOKEN_SECRET": SECRET,
            "THINLINE_OPEN": "1",
            "THINLINE_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
            "THINLINE_MAX_ROOMS": "3",
            "THINLINE_SEATS_PER_ADDRESS": "4",
            "THINLINE_TURN_URLS": "turn:t, turns:t",
            "THINLINE_TURN_SECRET": "north",
            "THINLINE_UDP_PORTS": "40000-40199",
            "THINLINE_PUBLIC_ADDRESS": "192.0.2.1",
            "THINLINE_DRAIN_SECONDS": "5",
            "THINLINE_CONSTANT_BITRATE": "1",
            "THINLINE_LOG_LEVEL": "debug",
        },
        {},
    )
    ice = (IceServer(("turn:t",), "u", "c"), IceServer(("stun:s",)))
    paths = {"weights": Path("w"), "tls_cert": Path("c.pem"), "tls_key": Path("k.pem")}
    proxies = (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"))
    assert config == ServerConfig("0.0.0.0", 9000, "torch", workers=3, batch=4, pin_workers=True,
                                  bitrate_kbps=4.5, constant_bitrate=True, max_sessions=8, ice_servers=ice,
                                  token_secret=SECRET, open=True, trusted_proxies=proxies,
                                  max_rooms=3, seats_per_address=4, turn_urls=("turn:t", "turns:t"),
                                  turn_secret="north", udp_ports=(40000, 40199), public_address="192.0.2.1",
                                  drain_seconds=5, log_level="debug", **paths)  # fmt: skip
    assert config.tls


def test_flags_have_the_last_word() -> None:
    config = read_config({"THINLINE_PORT": "9000", "THINLINE_HOST": "::1"}, {"port": 1, "host": None})
    assert (config.port, config.host) == (1, "::1")


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("PORT", "http", "THINLINE_PORT: 'http' is no whole number"),
        ("PORT", "-1", "THINLINE_PORT: '-1' is no whole number"),
        ("PORT", "65536", "port 65536 is outside 0..65535"),
        ("WORKERS", "0", "workers 0"),
        ("BATCH", "0", "batch 0: there must be at least one stream in it"),
        ("MAX_SESSIONS", "1", "max_sessions 1: a call needs two"),
        ("BITRATE_KBPS", "six", "THINLINE_BITRATE_KBPS: 'six' is no number"),
        ("LOG_LEVEL", "loud", "log_level 'loud' is not one of debug"),
        ("TLS_SELF_SIGNED", "yes", "THINLINE_TLS_SELF_SIGNED: 'yes' is neither 0 nor 1"),
        ("TLS_CERT", "c.pem", "tls_cert and tls_key"),
        ("TLS_KEY", "k.pem", "tls_cert and tls_key"),
        ("PROT", "1", "THINLINE_PROT is no setting; there are THINLINE_HOST"),
        ("TOKEN_SECRET", "short", "token_secret is under 32 bytes"),
        ("OPEN", "yes", "THINLINE_OPEN: 'yes' is neither 0 nor 1"),
        ("HOST", "0.0.0.0", "host '0.0.0.0' can be reached from elsewhere"),
        ("TRUSTED_PROXIES", "everyone", "THINLINE_TRUSTED_PROXIES: 'everyone' does not appear"),
        ("MAX_ROOMS", "0", "max_rooms 0"),
        ("SEATS_PER_ADDRESS", "0", "seats_per_address 0"),
        ("DRAIN_SECONDS", "-1", "drain_seconds -1"),
        ("DRAIN_SECONDS", "nan", "drain_seconds nan"),
        ("TURN_URLS", "turn:t", "turn_urls and turn_secret"),
        ("TURN_SECRET", "s", "turn_urls and turn_secret"),
        ("TURN_URLS", "t", "'t' begins with neither stun: nor turn:"),
        ("UDP_PORTS", "40000", "'40000' is no range such as 40000-40199"),
        ("UDP_PORTS", "5-4", "udp_ports 5-4: they must rise"),
        ("UDP_PORTS", "40000-70000", "udp_ports 40000-70000: they must rise"),
        ("PUBLIC_ADDRESS", "example.org", "public_address 'example.org' is no IP address"),
        ("PUBLIC_ADDRESS", "127.0.0.1", "public_address 127.0.0.1 is nowhere"),
        ("PUBLIC_ADDRESS", "0.0.0.0", "public_address 0.0.0.0 is nowhere"),
        ("ICE_SERVERS", "stun:s", "THINLINE_ICE_SERVERS"),
        ("ICE_SERVERS", "{}", "must be a JSON list such as"),
        ("ICE_SERVERS", "[1]", "each server has urls"),
        ("ICE_SERVERS", '[{"url": "stun:s"}]', "each server has urls"),
        ("ICE_SERVERS", '[{"urls": []}]', "urls must be"),
        ("ICE_SERVERS", '[{"urls": [3]}]', "urls must be"),
        ("ICE_SERVERS", '[{"urls": "http://s"}]', "neither stun: nor turn:"),
        ("ICE_SERVERS", '[{"urls": "turn:s", "username": 3}]', "must be strings"),
    ],
)
def test_what_can_not_be_used_is_named(variable: str, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_config({f"THINLINE_{variable}": text}, {})
    assert says in str(refused.value)


def test_a_certificate_of_ones_own_and_a_self_signed_one_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="of its own"):
        ServerConfig(tls_self_signed=True, tls_cert=Path("c"), tls_key=Path("k"))


@pytest.mark.parametrize(
    ("settings", "opening"),
    [
        ({}, Opening.LOCAL),
        ({"host": "::1"}, Opening.LOCAL),
        ({"token_secret": SECRET}, Opening.NOBODY),
        ({"host": "0.0.0.0", "token_secret": SECRET}, Opening.NOBODY),
        ({"host": "0.0.0.0", "open": True}, Opening.EVERYBODY),
        ({"host": "0.0.0.0", "open": True, "token_secret": SECRET}, Opening.EVERYBODY),
    ],
    ids=str,
)
def test_who_may_call_without_a_token(settings: dict[str, object], opening: Opening) -> None:
    config = ServerConfig(**settings)  # type: ignore[arg-type]
    assert config.opening is opening
    assert SECRET not in repr(config)


WHOLE_FILE = """
host = "0.0.0.0"
port = 9000
open = true
drain_seconds = 5
weights = "w"
token_secret = "a secret of thirty-two characters"
trusted_proxies = ["10.0.0.0/8"]
udp_ports = "40000-40199"
turn_urls = ["turn:t"]
turn_secret = "north"
ice_servers = [{ urls = ["turn:s"], username = "u", credential = "south" }]
"""


def test_a_file_is_read_first(tmp_path: Path) -> None:
    file = tmp_path / "thinline.toml"
    file.write_text(WHOLE_FILE)
    config = read_config({"THINLINE_CONFIG": str(file), "THINLINE_PORT": "9001"}, {"drain_seconds": 7.0})
    assert (config.host, config.port, config.drain_seconds, config.weights) == ("0.0.0.0", 9001, 7, Path("w"))
    assert config.ice_servers == (IceServer(("turn:s",), "u", "south"),)
    assert config == read_config({"THINLINE_PORT": "9001"}, {"config": file, "drain_seconds": 7.0})


def test_settings_are_printed_as_a_file_without_secrets(tmp_path: Path) -> None:
    file, copy = tmp_path / "thinline.toml", tmp_path / "copy.toml"
    file.write_text(WHOLE_FILE)
    config = read_config({}, {"config": file})
    printed = print_config(config)
    assert not [secret for secret in (SECRET, "north", "south") if secret in printed]
    assert "# token_secret is set" in printed
    assert "# tls_cert is not set" in printed
    copy.write_text(printed)
    secrets = {"turn_secret": "north", "token_secret": SECRET, "ice_servers": config.ice_servers}
    assert read_config({}, {"config": copy} | secrets) == config


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot = 1", "'prot' is no setting; there are host, port"),
        ("port = ", "is no TOML file"),
        ('port = "9000"', "port: '9000' is no whole number"),
        ("port = true", "port: True is no whole number"),
        ("host = 1", "host: it must be a text"),
        ("open = 1", "open: 1 is neither true nor false"),
        ('drain_seconds = "long"', "drain_seconds: 'long' is no number"),
        ('turn_urls = "turn:t"', "turn_urls: 'turn:t' is no list"),
        ("token_secret = 12345678", "token_secret: it must be a text"),
        ("[server]\nport = 1", "'server' is no setting"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "thinline.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_config({}, {"config": file})
    assert str(refused.value).startswith(str(file))
    assert says in str(refused.value)
    assert "12345678" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: No such file"):
        read_config({"THINLINE_CONFIG": str(tmp_path / "absent.toml")}, {})


def test_an_empty_variable_says_nothing() -> None:
    assert read_config({"THINLINE_PUBLIC_ADDRESS": "", "THINLINE_TURN_URLS": ""}, {}) == read_config({}, {})

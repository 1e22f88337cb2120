"""`thinline serve` as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest

import thinline
from server.protocol import VERSION, Bye, Draining, Join, Joined, parse_server, serialise

PATIENCE_SECONDS = 120


def environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("THINLINE_")} | more


@contextmanager
def serving(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the line that it prints when it serves."""
    command = [sys.executable, "-m", "thinline", "serve", "--host", "127.0.0.1", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**variables)
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_serves_and_ends_cleanly(number: signal.Signals) -> None:
    with serving() as (process, greeting):
        said = re.fullmatch(r"thinline serves on (http://127\.0\.0\.1:\d+) \(model [0-9a-f]{16}, "
                            r"engine (?:native|onnx), workers 1, seats (\d+)\)\n", greeting)  # fmt: skip
        assert said, greeting
        with urllib.request.urlopen(said[1] + "/readyz", timeout=PATIENCE_SECONDS) as response:
            assert response.status == 200
            assert json.load(response)["seats"] == int(said[2]) >= 2
        process.send_signal(number)
        out, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, out) == (0, "")
        assert re.match(rf"\S+ \S+ INFO server\.app: capacity measured seats={said[2]} .*\n", errors)
        drained = r"\S+ \S+ INFO server\.session\.node: drain begins seconds=20.0 seats_taken=0\n"
        assert bool(re.fullmatch(rf".*\n{drained}", errors)) is (number is signal.SIGTERM)


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT, None], ids=["sigterm", "sigint", "deadline"])
async def test_sigterm_waits_for_those_who_talk_until_it_comes_again(again: signal.Signals | None) -> None:
    seconds = "600" if again else "0.5"
    with serving(THINLINE_DRAIN_SECONDS=seconds) as (process, greeting):
        url = re.search(r"http://127\.0\.0\.1:\d+", greeting)
        assert url, greeting
        async with aiohttp.ClientSession() as http, http.ws_connect(url[0] + "/ws") as socket:
            await socket.send_str(serialise(Join(VERSION, "r", "Ada")))
            assert isinstance(parse_server(await socket.receive_str()), Joined)
            process.send_signal(signal.SIGTERM)
            while not isinstance(message := parse_server(await socket.receive_str()), Draining):
                pass
            assert message == Draining(float(seconds))
            if again:
                process.send_signal(again)
            while not isinstance(message := parse_server(await socket.receive_str()), Bye):
                pass
            assert message == Bye("shutdown")
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0


def test_settings_are_printed_and_nothing_is_served(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "a secret of thirty-two characters"
    monkeypatch.setenv("THINLINE_TOKEN_SECRET", secret)
    assert thinline.main(["serve", "--print-config", "--host", "0.0.0.0"]) == 0
    printed = capsys.readouterr().out
    assert 'host = "0.0.0.0"\n' in printed
    assert "# token_secret is set\n" in printed
    assert secret not in printed


def test_it_serves_https_with_a_certificate_of_its_own() -> None:
    with serving("--tls-self-signed") as (_, greeting):
        said = re.search(r"https://127\.0\.0\.1:\d+", greeting)
        assert said, greeting
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(said[0] + "/healthz", timeout=PATIENCE_SECONDS, context=trusting) as response:
            assert response.status == 200


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "thinline", "serve", "--host", "127.0.0.1", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(f"\nthinline: can't listen on 127.0.0.1 port {port}: the port is in use\n")


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (("--port", "70000"), {}, "thinline: port 70000 is outside 0..65535\n"),
        ((), {"THINLINE_PORT": "x"}, "thinline: THINLINE_PORT: 'x' is no whole number\n"),
        (("--workers", "0"), {}, "thinline: workers 0: there must be at least one\n"),
        (("--tls-cert", "absent.pem"), {}, "thinline: a TLS certificate needs its key"),
        (("--tls-cert", "absent.pem", "--tls-key", "k"), {}, "thinline: absent.pem: No such file"),
        (("--host", "0.0.0.0"), {}, "thinline: host '0.0.0.0' can be reached from elsewhere"),
        (("--host", "no.such.host.invalid", "--port", "0", "--open"), {}, "thinline: can't listen on no.such.host"),
        ((), {"THINLINE_BITRATE_KBPS": "5"}, "thinline: bitrate 5 kbit/s is not one of 0.75"),
        (("--weights", "absent"), {}, "thinline: "),
    ],
    ids=["port", "variable", "workers", "key", "certificate", "public", "host", "bitrate", "weights"],
)  # fmt: skip
def test_what_can_not_be_served_is_one_line(
    arguments: tuple[str, ...],
    variables: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("server.commands.serve.set_up_logging", lambda level: None)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert thinline.main(["serve", *arguments]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(says)
    assert errors.count("\n") == 1


def test_serving_does_not_load_torch() -> None:
    program = "import sys, server.commands.serve, codec.engine.onnx; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

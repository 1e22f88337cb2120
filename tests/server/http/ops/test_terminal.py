"""`thinline ops` against a real server with a call on it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from client.commands.ops import TOKEN_VARIABLE
from server.protocol import Bitrate, Bye, Denoise
from tests.server.doubles import PATIENT
from tests.server.http.ops.conftest import OPERATOR_TOKEN, Operate
from tests.server.test_call import call, level_heard
from thinline import main

Captured = pytest.CaptureFixture[str]


async def ops(url: str, *arguments: str) -> int:
    order, *rest = arguments
    return await asyncio.to_thread(main, ["ops", order, "--server", url, *rest])


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, OPERATOR_TOKEN)


async def test_a_call_is_watched_and_steered(operate: Operate, capsys: Captured) -> None:
    server = (await operate(replace(PATIENT, stats_seconds=0.2))).server
    assert await ops(server.url, "calls") == 0
    assert capsys.readouterr().out == "no calls\n"
    (ada, ada_sound), (bob, bob_sound), bob_session = await call(server)
    await level_heard(ada_sound, bob_sound, 0.5)
    await ada.hear_any()

    assert await ops(server.url, "calls", "--json") == 0
    running = json.loads(capsys.readouterr().out)["calls"][0]
    ada_session = running["sessions"][0]["session"]
    assert await ops(server.url, "calls") == 0
    table = capsys.readouterr().out
    assert f"call {running['call']}, room 'r', 6 kbit/s" in table
    assert ada_session in table
    assert await ops(server.url, "show", ada_session) == 0
    assert "encode_rtf" in capsys.readouterr().out
    assert await ops(server.url, "show", running["call"]) == 0
    assert bob_session in capsys.readouterr().out

    assert await ops(server.url, "denoise", ada_session, "on") == 0
    assert f"taken out of the voice of {ada_session}, from frame" in capsys.readouterr().out
    assert isinstance(await bob.hear(), Denoise)
    assert await ops(server.url, "bitrate", running["call"], "3") == 0
    assert "runs at 3 kbit/s" in capsys.readouterr().out
    assert isinstance(await bob.hear(), Bitrate)
    assert await ops(server.url, "hangup", bob_session) == 0
    assert await bob.hear() == Bye("operator")
    assert capsys.readouterr().out == f"session {bob_session} has ended\n"


async def test_drain_and_capacity(operate: Operate, capsys: Captured) -> None:
    server = (await operate(max_sessions=4)).server
    assert await ops(server.url, "drain", "--seconds", "600") == 0
    assert "not ready: the node is draining" in capsys.readouterr().out
    assert server.node.draining
    assert await ops(server.url, "undrain") == 0
    assert "seats 0 of 4 taken" in capsys.readouterr().out
    assert not server.node.draining
    assert await ops(server.url, "capacity", "--json") == 0
    assert json.loads(capsys.readouterr().out)["ready"] is True


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("hangup", "none"), "there is no session 'none' (HTTP 404)"),
        (("hangup", "../calls"), "there is no session '../calls' (HTTP 404)"),
        (("show", "none"), "no session and no call 'none'"),
        (("bitrate", "none", "6"), "there is no call 'none' (HTTP 404)"),
        (("calls", "--token", "nonsense"), "can't be used"),
        (("drain", "--seconds", "-1"), "0..86400"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_what_goes_wrong_is_one_line_and_status_1(
    operate: Operate, capsys: Captured, arguments: tuple[str, ...], says: str
) -> None:
    server = (await operate()).server
    assert await ops(server.url, *arguments) == 1
    error = capsys.readouterr().err
    assert (says in error, error.count("\n")) == (True, 1), error


@pytest.mark.parametrize(
    ("url", "says"),
    [("nowhere", "no server address"), ("http://127.0.0.1:9", "no server answers"), ("ftp://x", "no server address")],
)
async def test_without_a_server_it_says_so(capsys: Captured, url: str, says: str) -> None:
    assert await ops(url, "calls") == 1
    assert says in capsys.readouterr().err


async def test_without_a_token_it_says_where_one_comes_from(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert await ops("http://127.0.0.1:9", "calls") == 1
    assert "thinline token --role ops" in capsys.readouterr().err

"""`thinline token`."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

import thinline
from server.auth import SECRET_BYTES, Authority, Grant, Opening, Role, new_secret

SECRET = new_secret()


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setenv("THINLINE_TOKEN_SECRET", SECRET)
    return Authority(SECRET, Opening.NOBODY)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert thinline.main(["token", *arguments]) == 0
    return capsys.readouterr().out.removesuffix("\n")


def test_it_makes_tokens_for_callers(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    limits = ["--expires", "90s", "--max-kbps", "6", "--max-call", "15m"]
    token = printed(capsys, "--room", " kitchen ", "--name", "Ada", *limits)
    assert authority.admit(token, "kitchen", local=False) == Grant(Role.CALLER, "kitchen", "Ada", 6, 900)


def test_it_makes_tokens_for_operators(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    assert authority.operator(printed(capsys, "--role", "ops", "--name", "root")) == "root"


def test_it_makes_links_that_say_the_token_to_no_server(
    authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    link = urlsplit(printed(capsys, "--room", "a&b", "--name", "Ä", "--url", "https://call.example.org/"))
    assert link.netloc == "call.example.org"
    assert parse_qs(link.query) == {"room": ["a&b"], "name": ["Ä"]}
    token = link.fragment.removeprefix("token=")
    assert authority.admit(token, "a&b", local=False).name == "Ä"


def test_it_makes_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    secrets = {printed(capsys, "--new-secret") for _ in range(3)}
    assert len(secrets) == 3
    assert all(len(secret) >= SECRET_BYTES for secret in secrets)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "a caller needs a room"),
        (["--room", " "], "field room must have 1 to 64"),
        (["--room", "r", "--name", "a\nb"], "field name must not hold control"),
        (["--role", "ops"], "an operator needs a name"),
        (["--role", "ops", "--name", "n", "--room", "r"], "takes no part in calls"),
        (["--room", "r", "--url", "call.example.org"], "is no address of a server"),
    ],
)
def test_a_token_of_no_use_is_not_made(
    authority: Authority, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert thinline.main(["token", *arguments]) == 1
    assert says in capsys.readouterr().err


def test_without_a_secret_there_is_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("THINLINE_TOKEN_SECRET", raising=False)
    assert thinline.main(["token", "--room", "r"]) == 1
    assert "there is no THINLINE_TOKEN_SECRET" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--expires", "soon"], ["--expires", "0s"], ["--max-kbps", "-1"], ["--role", "x"]])
def test_what_makes_no_sense_is_a_usage_error(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        thinline.main(["token", "--room", "r", *wrong])
    assert wrong[0] in capsys.readouterr().err

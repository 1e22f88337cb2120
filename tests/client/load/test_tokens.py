from __future__ import annotations

from pathlib import Path

import pytest

from client.load.tokens import VARIABLE, SecretError, read_secret, token_for
from server.auth import Authority, Grant, Opening, UnauthenticatedError, new_secret


def test_the_server_admits_the_token_to_its_room() -> None:
    secret = new_secret()
    grant = Authority(secret, Opening.NOBODY).admit(token_for("load-1", secret, 60), "load-1", local=False)
    assert grant == Grant(room="load-1")


def test_another_secret_is_of_no_use() -> None:
    with pytest.raises(UnauthenticatedError):
        Authority(new_secret(), Opening.NOBODY).admit(token_for("load-1", new_secret(), 60), "load-1", local=False)


def test_the_secret_comes_from_the_file_before_the_environment(tmp_path: Path) -> None:
    inside, outside = new_secret(), new_secret()
    path = tmp_path / "secret"
    path.write_text(inside + "\n")
    assert read_secret(path, {VARIABLE: outside}) == inside
    assert read_secret(None, {VARIABLE: outside}) == outside
    assert read_secret(None, {}) is None


@pytest.mark.parametrize("text", ["", "too short", "\x00\xff"])
def test_what_is_no_secret_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SecretError, match="secret holds no token secret"):
        read_secret(path, {})

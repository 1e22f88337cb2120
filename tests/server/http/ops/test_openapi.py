"""The OpenAPI document: it says what is there, and what is there does as it says."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

from server.http.ops.records import Figures
from server.protocol import Stats
from server.session.orders import find_session
from tests.server.http.ops.conftest import OPERATOR_TOKEN, Operate

EXAMPLES = 10  # for each operation; the checks of the document's edges come on top


async def test_the_document_is_for_everybody_and_names_every_route(operate: Operate) -> None:
    operator = await operate()
    status, document = await operator.ask("GET", "/openapi.json", token=None)
    assert (status, document["openapi"]) == (200, "3.1.0")
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert ("/sessions/{session}/denoise", "put") in described
    assert ("/drain", "delete") in described
    for path, method in described:
        got, _ = await operator.ask(method.upper(), path, token=None)
        assert got == 401, (method, path)
    for schema in document["components"]["schemas"].values():
        assert schema["description"], schema
    bitrate = document["components"]["schemas"]["SetBitrate"]["properties"]["bitrate_kbps"]
    assert bitrate["enum"][:2] == [0.75, 1.5]


def test_operators_see_every_figure_that_callers_see() -> None:
    assert [field.name for field in fields(Figures)] == [field.name for field in fields(Stats)]


@pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed")
async def test_schemathesis_finds_no_fault(operate: Operate, tmp_path: Path) -> None:
    operator = await operate()
    session = (await (await operator.server.connect()).join()).session
    call = find_session(operator.server.node, session).room.call
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.call" = "{call}"\n"path.session" = "{session}"\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"),
        f"{operator.server.url}api/v1/openapi.json",
        *("--header", f"Authorization: Bearer {OPERATOR_TOKEN}"),
        *("--max-examples", str(EXAMPLES), "--seed", "1", "--generation-database", "none", "--no-color"),
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.endswith("_proxy")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    report, _ = await process.communicate()
    assert process.returncode == 0, report.decode()

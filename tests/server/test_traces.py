"""Traces of call set-ups, as a collector gets them."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from server.config import ConfigError, ServerConfig
from server.session.setup import Setup
from server.traces import Traces, TracesError
from tests.server.doubles import Serve
from tests.server.test_call import call

trace_service = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="the extra traces is not installed"
)


@pytest.fixture
async def collector() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Where to send traces, and what came."""
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(body=b"", content_type="application/x-protobuf")

    application = web.Application()
    application.router.add_post("/v1/traces", take)
    server = TestServer(application, host="127.0.0.1")
    await server.start_server()
    yield str(server.make_url("/v1/traces")), bodies
    await server.close()


def spans_in(bodies: list[bytes]) -> list[object]:
    spans = []
    for body in bodies:
        for resource in trace_service.ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                spans += scope.spans
    return spans


async def test_each_set_up_is_a_trace_of_its_steps(serve: Serve, collector: tuple[str, list[bytes]]) -> None:
    endpoint, bodies = collector
    server = await serve(traces_endpoint=endpoint)
    _, _, session = await call(server)
    await server.close()
    spans = spans_in(bodies)
    wholes = {
        attribute.value.string_value: span
        for span in spans
        for attribute in span.attributes
        if attribute.key == "thinline.session"
    }
    assert len(wholes) == 2
    whole = wholes[session]
    steps = [span for span in spans if span.parent_span_id == whole.span_id]
    assert [step.name for step in steps] == ["wait for the offer", "answer", "connect"]
    assert all(step.trace_id == whole.trace_id for step in steps)
    assert whole.start_time_unix_nano == steps[0].start_time_unix_nano
    for earlier, later in itertools.pairwise(steps):
        assert earlier.end_time_unix_nano == later.start_time_unix_nano
    assert steps[-1].end_time_unix_nano == whole.end_time_unix_nano


async def test_a_set_up_that_failed_says_why(collector: tuple[str, list[bytes]]) -> None:
    endpoint, bodies = collector
    traces = Traces(endpoint)
    traces.tell(Setup("s", began=1.0, offered=2.0, ended=3.0, failure="the offer can't be used"))
    await asyncio.to_thread(traces.close)
    spans = spans_in(bodies)
    (whole,) = [span for span in spans if span.name == "call set-up"]
    assert whole.status.message == "the offer can't be used"
    assert [span.name for span in spans if span is not whole] == ["wait for the offer", "answer"]


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(TracesError, match=r"pip install 'thinline\[traces\]'"):
        Traces("http://localhost:4318/v1/traces")


@pytest.mark.parametrize("endpoint", ["localhost:4318", "ftp://x/v1/traces", "http:///v1", "http://localhost:4318"])
def test_an_endpoint_is_an_address(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="traces_endpoint"):
        ServerConfig(traces_endpoint=endpoint)


def test_no_library_is_imported_unless_it_is_wanted() -> None:
    program = "import sys, server.app; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0

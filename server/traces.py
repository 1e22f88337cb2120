"""Traces of how calls are set up, sent to an OpenTelemetry collector (OTLP over HTTP) if one is named.

The libraries are the extra `traces` and are imported only then. Spans are made when a set-up has come to its end, from
the moments that were noted: nothing is traced while a call waits for it.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from server.session.setup import Setup

if TYPE_CHECKING:
    from opentelemetry.trace import Span

EXPORT_SECONDS = 3.0  # for a collector that does not answer; the server's end waits so long at most


class TracesError(Exception):
    """Traces are wanted, but can't be had."""


class Traces:
    """Sends what it is told to `endpoint`, in the background, until it is closed. Raises TracesError."""

    def __init__(self, endpoint: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as error:
            raise TracesError(
                f"traces_endpoint needs {error.name}, which is not installed: pip install 'thinline[traces]'"
            ) from None
        resource = Resource.create({"service.name": "thinline", "service.version": version("thinline")})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("thinline")

    def tell(self, setup: Setup) -> None:
        """One trace: the whole set-up, and in it each step that it came to."""
        from opentelemetry.trace import set_span_in_context

        assert setup.ended is not None
        whole = self._tracer.start_span("call set-up", start_time=_nanoseconds(setup.began))
        whole.set_attribute("thinline.session", setup.session)
        if setup.transport is not None:
            whole.set_attribute("thinline.transport", setup.transport)
        within = set_span_in_context(whole)
        for name, begin, end in _steps(setup):
            step = self._tracer.start_span(name, within, start_time=_nanoseconds(begin))
            step.end(_nanoseconds(end))
        self._end(whole, setup)

    def close(self) -> None:
        """Sends what waits. Takes as long as the collector does, so not on the event loop."""
        self._provider.shutdown()

    def _end(self, whole: Span, setup: Setup) -> None:
        from opentelemetry.trace import Status, StatusCode

        assert setup.ended is not None
        if setup.failure is not None:
            whole.set_status(Status(StatusCode.ERROR, setup.failure))
        whole.end(_nanoseconds(setup.ended))


def _steps(setup: Setup) -> list[tuple[str, float, float]]:
    """Name, begin and end of what happened one after the other."""
    assert setup.ended is not None
    moments = [
        ("wait for the offer", setup.began, setup.offered),
        ("answer", setup.offered, setup.answered),
        ("connect", setup.answered, setup.ended),
    ]
    return [(name, begin, end or setup.ended) for name, begin, end in moments if begin is not None]


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)



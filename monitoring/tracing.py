"""
Traces: every request carries a ``traceparent`` (https://www.w3.org/TR/trace-context/). Where OpenTelemetry is
configured by its own ``OTEL_*`` variables, load and portal export spans.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager
from http import HTTPStatus
from random import Random
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from conf.trace_exporters import CONSOLE, OTLP, allowed_endpoint, named_exporters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

    from conf.settings import Settings

_TRACEPARENT = re.compile("(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_FLUSH_S = 3.0
"""Longest wait for a collector at the end of a process. OpenTelemetry's own half a minute would outlast the run."""

_ID_BITS = (16 + 8) * 8

_log = logging.getLogger(__name__)
_ids = Random()  # noqa: S311 - no secret: it names a request
"""Seeded by the system once in each process, also after a fork: a system call per request costs the load 7 % of a core."""
os.register_at_fork(after_in_child=_ids.seed)


class Trace(Protocol):
    """The trace of one request."""

    trace_id: str
    """32 hexadecimal digits."""

    @property
    def traceparent(self) -> str:
        """Value of the header."""

    def end(self, error: str, status: int) -> None:
        """The request is over. *error* says why there is no good answer, or is empty; *status* is 0 without an answer."""


class _Named:
    """A request that is not recorded here. It is marked as sampled, so that a portal with tracing records it."""

    __slots__ = ("_span_id", "trace_id")

    def __init__(self) -> None:
        digits = f"{_ids.getrandbits(_ID_BITS):048x}"
        self.trace_id, self._span_id = digits[:32], digits[32:]

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self._span_id}-01"

    def end(self, error: str, status: int) -> None:
        """Does nothing: there is no span."""


class _Recorded:
    """A request as a span of OpenTelemetry."""

    __slots__ = ("_span", "trace_id")

    def __init__(self, tracer: Tracer, name: str) -> None:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - who does not trace does not wait for it

        self._span = tracer.start_span(name, kind=SpanKind.CLIENT)
        self.trace_id = f"{self._span.get_span_context().trace_id:032x}"

    @property
    def traceparent(self) -> str:
        context = self._span.get_span_context()
        return f"00-{self.trace_id}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def end(self, error: str, status: int) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - as above

        if status:
            self._span.set_attribute("http.response.status_code", status)
        if error:
            self._span.set_attribute("error.type", error.partition(":")[0])
            self._span.set_status(StatusCode.ERROR, error)
        self._span.end()


class Tracing:
    """
    Begins traces.

    Args:
        tracer: Exports their spans; None exports nothing and costs next to nothing.
    """

    def __init__(self, tracer: Tracer | None) -> None:
        self._tracer = tracer

    def begin(self, name: str) -> Trace:
        """Begin the trace of a request without a parent."""
        return _Named() if self._tracer is None else _Recorded(self._tracer, name)


def wanted_exporters(environ: Mapping[str, str]) -> set[str]:
    """Exporters that the standard variables ask for: ``otlp``, ``console``; without them none."""
    named = named_exporters(environ)
    if unknown := named - {OTLP, CONSOLE}:
        _log.warning("OTEL_TRACES_EXPORTER: %s: only otlp, console and none are known", ", ".join(unknown))
    return named - unknown


@contextmanager
def open_tracer(
    service: str, settings: Settings, environ: Mapping[str, str] = os.environ
) -> Iterator[Tracer | None]:
    """
    Export the spans of this process over OTLP and HTTP, in the background; None where no exporter is configured.

    Endpoint, headers, sampler and batch sizes are OpenTelemetry's own ``OTEL_*`` variables. At the end of the block the
    remaining spans are sent, with at most three seconds for the collector to answer.

    Args:
        service: ``service.name``, unless the variables give another.
        settings: Their allowed hosts may receive spans.
        environ: The environment.

    Raises:
        LoadTestError: Spans would be sent to another host.
    """
    exporters = wanted_exporters(environ)
    if not exporters:
        yield None
        return
    endpoint = allowed_endpoint(settings, environ) if OTLP in exporters else ""
    provider = _provider(service, exporters, endpoint)
    try:
        yield provider.get_tracer("openhouse-loadtest")
    finally:
        closing = Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(_FLUSH_S)


def _provider(service: str, exporters: set[str], endpoint: str) -> TracerProvider:
    # Imported here: it takes a third of a second, and only tracing needs it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter  # noqa: PLC0415

    resource = Resource.create()
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": service}))
    provider = TracerProvider(resource=resource)
    if OTLP in exporters:
        exporter = OTLPSpanExporter(endpoint, session=_session_that_stays())
        provider.add_span_processor(BatchSpanProcessor(exporter))
    if CONSOLE in exporters:
        provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    return provider


def _session_that_stays() -> requests.Session:
    """A session that sends only to the address it is given: no proxy of the environment, no redirect."""
    import requests  # noqa: PLC0415 - as above

    class StayingSession(requests.Session):
        def get_redirect_target(self, _: requests.Response) -> None:
            """A redirect is treated as the answer."""

    session = StayingSession()
    session.trust_env = False
    return session


def trace_id_of(traceparent: str) -> str:
    """The trace id in a header; empty where the header is missing or malformed."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1] if match else ""


@contextmanager
def server_span(tracer: Tracer | None, name: str, traceparent: str) -> Iterator[Any]:
    """The span of an incoming request, part of the trace in its header; None without a tracer."""
    if tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - as above
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    with (
        tracer.start_as_current_span(name, context, SpanKind.SERVER, **_QUIET) as span,
        _ending_as_it_ends(span),
    ):
        yield span


@contextmanager
def inner_span(tracer: Tracer | None, name: str, **attributes: str) -> Iterator[None]:
    """A span for a part of the current request; does nothing without a tracer."""
    if tracer is None:
        yield
        return
    with (
        tracer.start_as_current_span(name, attributes=attributes, **_QUIET) as span,
        _ending_as_it_ends(span),
    ):
        yield


def note_status(span: Span, status: int) -> None:
    """Note the status of an answer; by OpenTelemetry's rules only 5xx is a failure of the server."""
    span.set_attribute("http.response.status_code", status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _note_error(span, str(status))


_QUIET: Any = {"record_exception": False, "set_status_on_exception": False}
"""An exception's text and stack may hold a question or a row of the database, and spans are sent to other systems."""


@contextmanager
def _ending_as_it_ends(span: Span) -> Iterator[None]:
    try:
        yield
    except BaseException as error:  # a request is cancelled when its client leaves
        _note_error(span, type(error).__name__)
        raise


def _note_error(span: Span, kind: str) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - as above

    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)

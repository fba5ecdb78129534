"""
Traces: every request carries a ``traceparent`` (https://www.w3.org/TR/trace-context/), and, where OpenTelemetry is
configured by its own ``OTEL_*`` variables, both sides of it export spans.
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
"""How long the end of a process may wait for a collector. OpenTelemetry's own half a minute would outlast the run."""

_ID_BITS = (16 + 8) * 8

_log = logging.getLogger(__name__)
_ids = Random()  # noqa: S311 - no secret: it names a request
"""Seeded by the system once, and anew in each forked process: a system call for each request costs a load 7 % of a core."""
os.register_at_fork(after_in_child=_ids.seed)


class Trace(Protocol):
    """One request on its way."""

    trace_id: str
    """32 hexadecimal digits."""

    @property
    def traceparent(self) -> str:
        """The header's value."""

    def end(self, error: str, status: int) -> None:
        """It is over; *error* says in words why there is no good answer, or is empty; *status* is 0 without one."""


class _Named:
    """A request that nobody records here. It is marked as sampled, so that a portal that records it does."""

    __slots__ = ("_span_id", "trace_id")

    def __init__(self) -> None:
        digits = f"{_ids.getrandbits(_ID_BITS):048x}"
        self.trace_id, self._span_id = digits[:32], digits[32:]

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self._span_id}-01"

    def end(self, error: str, status: int) -> None:
        """Nothing was begun."""


class _Recorded:
    """A request as a span of OpenTelemetry's."""

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
        """A request of its own, that nothing else caused."""
        return _Named() if self._tracer is None else _Recorded(self._tracer, name)


def wanted_exporters(environ: Mapping[str, str]) -> set[str]:
    """Where the standard variables want traces to go: ``otlp``, ``console``; nowhere, unless they say so."""
    named = named_exporters(environ)
    if unknown := named - {OTLP, CONSOLE}:
        _log.warning("OTEL_TRACES_EXPORTER: %s: only otlp, console and none are known", ", ".join(unknown))
    return named - unknown


@contextmanager
def open_tracer(
    service: str, settings: Settings, environ: Mapping[str, str] = os.environ
) -> Iterator[Tracer | None]:
    """
    What exports the spans of this process, over OTLP and HTTP, in the background; None where nobody asked for it.

    Endpoint, headers, sampler and batch sizes are OpenTelemetry's own ``OTEL_*`` variables. At the end of the block
    what is left is sent; a collector that does not answer is not waited for longer than three seconds.

    Args:
        service: ``service.name``, unless the variables say another.
        settings: Name the hosts that spans may be sent to.
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
    # A third of a second, and only for those who trace.
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
    """What sends to the address it is given and nowhere else: no proxy of the environment, no redirect."""
    import requests  # noqa: PLC0415 - as above

    class StayingSession(requests.Session):
        def get_redirect_target(self, _: requests.Response) -> None:
            """The redirect is the answer."""

    session = StayingSession()
    session.trust_env = False
    return session


def trace_id_of(traceparent: str) -> str:
    """The trace that a header names; empty where it names none, or is not one."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1] if match else ""


@contextmanager
def server_span(tracer: Tracer | None, name: str, traceparent: str) -> Iterator[Any]:
    """The span of a request that came in, part of the trace that its header names; None without a tracer."""
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
    """A part of the request at hand, by what it is; nothing without a tracer."""
    if tracer is None:
        yield
        return
    with (
        tracer.start_as_current_span(name, attributes=attributes, **_QUIET) as span,
        _ending_as_it_ends(span),
    ):
        yield


def note_status(span: Span, status: int) -> None:
    """What a server answered; as OpenTelemetry has it, only 5xx is its own failure."""
    span.set_attribute("http.response.status_code", status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _note_error(span, str(status))


_QUIET: Any = {"record_exception": False, "set_status_on_exception": False}
"""The words of an exception, and its stack, may hold what was asked or a row of the database: spans leave the house."""


@contextmanager
def _ending_as_it_ends(span: Span) -> Iterator[None]:
    try:
        yield
    except BaseException as error:  # a client that leaves cancels its request
        _note_error(span, type(error).__name__)
        raise


def _note_error(span: Span, kind: str) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - as above

    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)

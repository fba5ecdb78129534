"""
Traces: every request carries a ``traceparent`` (https://www.w3.org/TR/trace-context/), and, where OpenTelemetry is
configured by its own ``OTEL_*`` variables, both sides of it export spans.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import Tracer

_TRACEPARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_WANTED_BY = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Trace(Protocol):
    """One request on its way."""

    trace_id: str
    """32 hexadecimal digits."""

    @property
    def traceparent(self) -> str:
        """The header's value."""

    def end(self, error: str = "", **attributes: str | int) -> None:
        """The answer is there; *error* says in words why it is none."""


class _Named:
    """A request that nobody records here. It is marked as sampled, so that a portal that records it does."""

    __slots__ = ("_span_id", "trace_id")

    def __init__(self) -> None:
        digits = os.urandom(24).hex()
        self.trace_id, self._span_id = digits[:32], digits[32:]

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self._span_id}-01"

    def end(self, error: str = "", **attributes: str | int) -> None:
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

    def end(self, error: str = "", **attributes: str | int) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - as above

        self._span.set_attributes(attributes)
        if error:
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


def is_configured(environ: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return any(environ.get(variable, "none") not in {"", "none"} for variable in _WANTED_BY)


def open_tracer(service: str, environ: Mapping[str, str] = os.environ) -> Tracer | None:
    """
    What exports the spans of this process, over OTLP and HTTP, in the background; None where nobody asked for it.

    Endpoint, headers, sampler and batch sizes are OpenTelemetry's own ``OTEL_*`` variables; what is left in a batch is
    sent when the process ends.

    Args:
        service: ``service.name``, unless ``OTEL_SERVICE_NAME`` says another.
        environ: The environment.
    """
    if not is_configured(environ):
        return None
    # A third of a second, and only for those who trace.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter  # noqa: PLC0415

    name = environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    to_console = environ.get("OTEL_TRACES_EXPORTER") == "console"
    provider.add_span_processor(
        BatchSpanProcessor(ConsoleSpanExporter() if to_console else OTLPSpanExporter())
    )
    return provider.get_tracer("openhouse-loadtest")


def trace_id_of(traceparent: str) -> str:
    """The trace that a header names; empty where it names none."""
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
    with tracer.start_as_current_span(name, context, SpanKind.SERVER) as span:
        yield span


@contextmanager
def inner_span(tracer: Tracer | None, name: str, **attributes: str) -> Iterator[None]:
    """A part of the request at hand, by what it is; nothing without a tracer."""
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name, attributes=attributes):
        yield

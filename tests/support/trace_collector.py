"""An OpenTelemetry collector for tests: it takes OTLP over HTTP, plain or gzip, and keeps the spans."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Proto
from opentelemetry.proto.trace.v1.trace_pb2 import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/v1/traces"


@dataclass(frozen=True)
class Span:
    """An exported span: one piece of work of a process."""

    service: str
    name: str
    kind: str
    """``client``, ``server`` or ``internal``."""
    trace_id: str
    span_id: str
    parent: str
    """Id of the span's parent; empty for the first span of a trace."""
    attributes: dict[str, Any]
    failed: bool
    said: str
    """Message of a failed span."""
    events: int


@dataclass
class Collector:
    """A collector, with all that it has received so far."""

    url: str
    spans: list[Span] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    """The unpacked bodies, which hold all texts of the spans unchanged."""
    encodings: set[str] = field(default_factory=set)
    headers: list[dict[str, str]] = field(default_factory=list)

    def of(self, kind: str, name: str = "") -> list[Span]:
        """Spans of one kind, and of *name* if given."""
        return [span for span in self.spans if span.kind == kind and name in {"", span.name}]

    def below(self, span: Span) -> list[Span]:
        """The children of *span*."""
        return [one for one in self.spans if one.parent == span.span_id]


@contextmanager
def running_collector() -> Iterator[Collector]:
    """A collector on a port of its own, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            encoding = self.headers.get("Content-Encoding", "")
            body = gzip.decompress(body) if encoding == "gzip" else body
            if self.path == PATH:
                collector.encodings.add(encoding)
                collector.headers.append(dict(self.headers))
                collector.raw.append(body)
                collector.spans += _spans(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _values(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    service,
                    span.name,
                    Proto.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _values(span.attributes),
                    span.status.code == Status.STATUS_CODE_ERROR,
                    span.status.message,
                    len(span.events),
                )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}

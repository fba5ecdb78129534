"""The Prometheus page of a run, on its own port, with or without a web UI."""

from __future__ import annotations

import errno
import logging
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Self

from conf.address import is_loopback
from conf.deadline import Deadline
from conf.errors import LoadTestError
from monitoring.run_metrics import CONTENT_TYPE
from monitoring.web_address import WebAddress

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PATH = "/metrics"
_CLIENT_TIMEOUT_S = 5.0
_LONGEST_SERVED_S = 30.0
"""Longest time for one client, including the making of the page."""
_LOOK_EVERY_S = 0.2
"""How often the server checks whether `MetricsServer.close` was called."""


class MetricsServer:
    """
    Answers ``GET /metrics`` with a page, until it is closed.

    Under gevent the thread is a greenlet: start it where the sockets are patched, after any fork, and in the process that
    owns the run. A silent client is disconnected after five seconds, every client after half a minute.

    Args:
        page: Makes the page for each request. It must be quick: meanwhile the load waits.
        port: 0 takes any free one.
        host: IPv4 address to listen on; every client that reaches it may read the page. On the loopback these are the
            clients of this machine. ``Host`` must then name the loopback: a page of another site, open in a browser here,
            cannot read it.

    Raises:
        LoadTestError: The port is not available.
    """

    def __init__(self, page: Callable[[], bytes], port: int, host: str = HOST) -> None:
        try:
            self._server = _Server((host, port), _Handler)
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
            raise LoadTestError(
                f"monitoring.metrics_port: port {port} of {host} {reason}",
                "Name another, or let any free one be taken: LOADTEST_METRICS_PORT=0",
            ) from None
        self._host = host
        self._server.page = page
        self._server.address = WebAddress(host) if is_loopback(host) else None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_EVERY_S,), name="metrics", daemon=True
        )

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{self._host}:{self._server.server_address[1]}{PATH}"

    def start(self) -> Self:
        """Begin to answer, and log the address."""
        self._thread.start()
        _log.info("Prometheus page: %s", self.url)
        return self

    def close(self) -> None:
        """Stop answering; the port is free afterwards."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, TCPServer):
    """Unlike HTTPServer, does not ask a name service for the name of its address."""

    allow_reuse_address = True
    daemon_threads = True
    page: Callable[[], bytes]
    address: WebAddress | None
    """A request must use one of its names; None accepts any."""

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - its signature
        """Only debug: that a client left is not worth a traceback on stderr."""
        _log.debug("the Prometheus page was not fetched to its end", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    timeout = _CLIENT_TIMEOUT_S
    server: _Server

    def handle(self) -> None:
        """As Python does, with a total limit: a client that sends a byte now and then would be served for ever."""
        with Deadline(_LONGEST_SERVED_S) as deadline:
            deadline.cover(self.connection)
            super().handle()

    def do_GET(self) -> None:
        address, named = self.server.address, ",".join(self.headers.get_all("Host", []))
        if address is not None and address.origin(named, self.server.server_address[1]) is None:
            self._answer(HTTPStatus.FORBIDDEN, b"Host: is no address of this page\n")
            return
        if self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, f"The page is at {PATH}\n".encode())
            return
        try:
            page = self.server.page()
        except Exception:  # noqa: BLE001 - whatever it is, the run goes on
            _log.exception("the Prometheus page could not be made")
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"The page could not be made; the log says why\n")
            return
        self._answer(HTTPStatus.OK, page, CONTENT_TYPE)

    def _answer(
        self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """A ``Server`` header that names neither Python nor its version."""
        return "loadtest"

    def log_message(self, *_: object) -> None:
        """Logs nothing: there is a scrape every few seconds."""

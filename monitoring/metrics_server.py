"""The Prometheus page of a run, on a port of its own: without a web UI, or beside one."""

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
"""A client in all; making the page is part of it."""
_LOOK_EVERY_S = 0.2
"""How soon `MetricsServer.close` is noticed."""


class MetricsServer:
    """
    Answers ``GET /metrics`` with a page, until closed.

    Under gevent the thread is a greenlet: start it where the sockets are patched, after any fork, and in the process
    that owns the run. A client that says nothing is dropped after five seconds, and any after half a minute.

    Args:
        page: Makes the page anew for each request; quick, since the load waits for it meanwhile.
        port: 0 takes any free one.
        host: Address to listen on, of IPv4; whoever reaches it reads the page. On the loopback that is this machine, and
            no page of another site that is open in a browser here: ``Host`` must name the loopback too.

    Raises:
        LoadTestError: The port cannot be had.
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
        """Where the page is."""
        return f"http://{self._host}:{self._server.server_address[1]}{PATH}"

    def start(self) -> Self:
        """Answer from now on, and say where in the log."""
        self._thread.start()
        _log.info("Prometheus page: %s", self.url)
        return self

    def close(self) -> None:
        """Answer no more; the port is free afterwards."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, TCPServer):
    """Unlike HTTPServer, asks no name service what its address is called."""

    allow_reuse_address = True
    daemon_threads = True
    page: Callable[[], bytes]
    address: WebAddress | None
    """Whose names a request must use; None: any."""

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - its signature
        """A client that went away is no news; the traceback would go to stderr."""
        _log.debug("the Prometheus page was not fetched to its end", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    timeout = _CLIENT_TIMEOUT_S
    server: _Server

    def handle(self) -> None:
        """As Python does, and no longer: a client that sends a byte now and then would be served for ever."""
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
        """Names neither Python nor its version."""
        return "loadtest"

    def log_message(self, *_: object) -> None:
        """A scrape every few seconds is no news."""

"""For the tests of streams: a portal on a real socket, in a thread of this process, so that its faults can be changed while it runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any

import uvicorn
from patience import TIMEOUT_S
from portal_process import SECRET
from prometheus_client.parser import text_string_to_metric_families

from conf.loading import load_settings
from portal.app import build_app
from portal.contracts.spoken import SPOKEN
from portal.database import open_database
from portal.services import build_services
from portal.streaming.connection import PortalProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portal.services import Services

QUICK_STREAM = {
    "portal.model.median_s": 0.01,
    "portal.model.minimum_s": 0.0,
    "portal.model.maximum_s": 0.01,
    "portal.stream.accepted_s": 0.01,
    "portal.stream.first_token_s": 0.01,
    "portal.stream.token_gap_s": 0.002,
    "portal.stream.tokens": 20,
}


@dataclass(frozen=True)
class Reply:
    """An answer as its bytes came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    """Without the framing of chunks."""
    ended: str
    """``whole``, ``eof`` before the last chunk, ``reset``, or ``left``: the test closed the connection."""

    def header(self, name: str) -> str:
        return dict(self.headers).get(name, "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The events; comments are left out."""
        events = self.body.decode().split("\n\n")
        return [json.loads(event.removeprefix("data: ")) for event in events if event.startswith("data: ")]

    @property
    def kinds(self) -> list[str]:
        """Kinds of the frames in order; of equal neighbours one."""
        kinds = [frame["type"] for frame in self.frames]
        return [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]

    @property
    def text(self) -> str:
        return "".join(frame["content"] for frame in self.frames if frame["type"] == "text")


@dataclass(frozen=True)
class PortalInProcess:
    address: tuple[str, int]
    services: Services
    log_dir: Path

    @contextmanager
    def faults(self, **changed: object) -> Iterator[None]:
        """Change settings of the faults for the length of the block."""
        before = self.services.faults.settings
        self.services.faults.settings = before.model_copy(update=changed)
        try:
            yield
        finally:
            self.services.faults.settings = before

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        with self.asked(method, path, body, headers) as connection:
            return read_reply(connection)

    @contextmanager
    def asked(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[socket.socket]:
        """The connection of a request that was just sent."""
        payload = b"" if body is None else json.dumps(body).encode()
        lines = {"Host": "portal", "Content-Length": len(payload), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        with socket.create_connection(self.address, TIMEOUT_S) as connection:
            connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + payload)
            yield connection

    def figures(self, name: str) -> dict[str, float]:
        """Samples of the metric *name*: the value of its only label, or nothing, → value."""
        page = self.ask("GET", "/metrics").body.decode()
        return {
            "".join(sample.labels.values()): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name
        }


def read_reply(connection: socket.socket, *, leave_at: bytes | None = None) -> Reply:
    """Read one answer to its end, or until *leave_at* was read."""
    received, ended = b"", ""
    while not ended:
        try:
            data = connection.recv(65_536)
        except ConnectionResetError:
            ended = "reset"
            break
        received += data
        if leave_at is not None and leave_at in received:
            ended = "left"
        elif not data:
            ended = "eof"
        elif _is_whole(received):
            ended = "whole"
    return parse_reply(received, ended)


def parse_reply(received: bytes, ended: str) -> Reply:
    """An answer from its bytes."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    if dict(headers).get("transfer-encoding") == "chunked":
        body = b"".join(re.findall(rb"[0-9a-f]+\r\n(.+?)\r\n(?=[0-9a-f]+\r\n|$)", body, re.DOTALL))
    return Reply(int(first.split()[1]), headers, body, ended)


def _is_whole(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    if length := re.search(rb"(?i)\r\ncontent-length: (\d+)", head):
        return len(body) >= int(length[1])
    return body.endswith(b"0\r\n\r\n")


@contextmanager
def portal_in_process(url: str, contract: str, **changed: object) -> Iterator[PortalInProcess]:
    """A portal that speaks *contract*, until the end of the block."""
    log_dir = Path(os.environ["LOADTEST_LOG_DIR"], uuid.uuid4().hex)
    settings = load_settings({**QUICK_STREAM, "monitoring.log_dir": str(log_dir), **changed}, environ={})
    ready: Queue[PortalInProcess | BaseException] = Queue()
    ends: Queue[asyncio.Event] = Queue()

    async def serve() -> None:
        end = asyncio.Event()
        portal = settings.portal
        spoken = SPOKEN[contract]
        async with open_database(url, pool_size=portal.pool_size, tables=spoken.tables) as database:
            services = build_services(
                settings, database=database, tracer=None, secret=SECRET, clock=lambda: datetime.now(UTC)
            )
            config = uvicorn.Config(
                build_app(services, spoken),
                http=PortalProtocol,
                log_config=None,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
            server = uvicorn.Server(config)
            server.capture_signals = _no_signals  # type: ignore[method-assign]
            with socket.create_server(("127.0.0.1", 0)) as listening:
                running = asyncio.create_task(server.serve([listening]))
                ends.put(end)
                ready.put(PortalInProcess(listening.getsockname(), services, log_dir))
                await end.wait()
                server.should_exit = True
                await running

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            ready.put(error)
            raise

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=run)
    thread.start()
    portal = ready.get(timeout=TIMEOUT_S)
    if isinstance(portal, BaseException):
        raise portal
    try:
        yield portal
    finally:
        loop.call_soon_threadsafe(ends.get().set)
        thread.join(TIMEOUT_S)
        loop.close()


@contextmanager
def _no_signals() -> Iterator[None]:
    """Signals belong to the main thread."""
    yield

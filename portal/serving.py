"""Runs the portal: one process with its own socket, until a signal stops it."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from conf.errors import LoadTestError
from monitoring.tracing import open_tracer
from portal import READY
from portal.app import build_app
from portal.contracts.spoken import SpokenContract, require_spoken
from portal.database import open_database
from portal.services import build_services
from portal.streaming.connection import PortalProtocol
from seed.database import require_url
from seed.jwts import require_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from opentelemetry.trace import Tracer

    from conf.settings import Settings

STOP_TIMEOUT_S = 4
"""How long requests in flight may go on after the signal to stop."""


def serve(settings: Settings, clock: Callable[[], datetime]) -> None:
    """
    Serve until SIGTERM or SIGINT, then let the requests in flight finish.

    Args:
        settings: ``portal``, the contract that it speaks, the session secret, and the database's address.
        clock: The wall clock, aware.

    Raises:
        LoadTestError: The portal does not speak the contract, a secret is missing, the port is in use, or the database is not there or not seeded.
    """
    contract = require_spoken(settings.contract_names)
    secret = require_secret(settings.session_secret)
    url = require_url(settings.database.url)
    with (
        _listening_socket(settings.portal.host, settings.portal.port) as listening,
        open_tracer("openhouse-portal", settings) as tracer,
    ):
        asyncio.run(_serve(settings, contract, url, secret, clock, listening=listening, tracer=tracer))


async def _serve(  # noqa: PLR0913 - all that a portal needs
    settings: Settings,
    contract: SpokenContract,
    url: str,
    secret: str,
    clock: Callable[[], datetime],
    *,
    listening: socket.socket,
    tracer: Tracer | None,
) -> None:
    portal = settings.portal
    async with open_database(
        url,
        pool_size=portal.pool_size,
        tables=contract.tables,
        stall_s=portal.faults.database_stall_s,
        tracer=tracer,
    ) as database:
        services = build_services(settings, database=database, tracer=tracer, secret=secret, clock=clock)
        config = uvicorn.Config(
            build_app(services, contract),
            http=PortalProtocol,
            log_level="warning",
            access_log=False,  # paths carry QR tokens
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
        )
        await _PortalServer(config).serve([listening])


class _PortalServer(uvicorn.Server):
    """Prints the ready line; a signal stops it in order."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        host, port = sockets[0].getsockname()[:2]
        print(f"{READY}http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)  # noqa: T201 - the ready line

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's own, does not raise the signal again afterwards: the pool must still be closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise LoadTestError(
                f"http://{host}:{port}: the port is in use",
                "Stop what listens there, or take any free port: loadtest portal --port 0",
            ) from None
        raise LoadTestError(
            f"portal.host: cannot listen on {host}:{port}: {error.strerror}",
            "Name an address of this machine: loadtest portal --host 127.0.0.1",
        ) from None
    return listening

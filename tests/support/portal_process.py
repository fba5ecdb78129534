"""For the portal's tests: a real portal in a process of its own, and a client that follows no redirect."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import warm_python
from patience import TIMEOUT_S
from prometheus_client.parser import text_string_to_metric_families

from portal import READY
from seed.fixture import House
from seed.jwts import homeowner_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SECRET = "a-secret-of-the-portal-tests-and-of-nothing-else-long-enough-for-every-algorithm"  # noqa: S105 - for tests only

QUICK = """
[portal.model]
median_s = 0.02
minimum_s = 0.02
maximum_s = 0.02
"""
"""Settings of a model that answers at once."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Estate:
    """A seeded, writable database, and its houses."""

    url: str
    houses: list[House]

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.strip("/")

    def execute(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, arguments)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def foreign_house(self) -> House:
        """A house of the other tenant, which has no houses in the fixture."""
        rows = self.execute(
            "SELECT h.id, t.id, t.slug, h.development_id, h.house_type, 1, '', '', ''"
            " FROM homeowners h JOIN tenants t ON t.id = h.tenant_id WHERE t.id <> %s LIMIT 1",
            self.houses[0].tenant_id,
        )
        house = House(*rows[0])
        return replace(house, jwt=homeowner_token(house, SECRET, datetime.now(UTC)))


@dataclass(frozen=True)
class Portal:
    address: tuple[str, int]
    process: subprocess.Popen[str]
    log_dir: Path

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=timeout_s)
        payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, payload, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def chat(self, house: House, message: str = "Where is the stopcock?", **headers: str) -> Answer:
        body = {"message": message, "developmentId": house.development_id}
        return self.ask("POST", "/api/chat", body, bearer(house) | headers)

    def resolve(self, qr_token: str) -> Answer:
        return self.ask("POST", "/api/qr/resolve", {"token": qr_token})


def bearer(house: House) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.jwt}"}


def at_once(count: int, call: Callable[[int], Answer]) -> list[Answer]:
    """Call *call* with 0 … count-1 in as many threads, all released at once."""
    gate = threading.Barrier(count)

    def pass_gate(number: int) -> Answer:
        gate.wait(TIMEOUT_S)
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(pass_gate, range(count)))


def served(portal: Portal) -> Counter[tuple[str, str, str]]:
    """(Method, route, status) → requests that *portal* has served so far."""
    page = portal.ask("GET", "/metrics").body.decode()
    (family,) = (f for f in text_string_to_metric_families(page) if f.name == "portal_requests")
    return Counter(
        {
            (sample.labels["method"], sample.labels["route"], sample.labels["status"]): int(sample.value)
            for sample in family.samples
            if sample.name == "portal_requests_total"
        }
    )


def portal_environ(url: str) -> dict[str, str]:
    own = ("LOADTEST_LOG_DIR",)
    inherited = {n: v for n, v in os.environ.items() if n in own or not n.startswith("LOADTEST_")}
    return inherited | {"SESSION_SECRET": SECRET, "DATABASE_URL": url}


@contextmanager
def running_portal(url: str, directory: Path, settings: str = QUICK) -> Iterator[Portal]:
    """A portal on a free port until the end of the block, where it must stop on a signal."""
    config, log = (directory / f"{uuid.uuid4().hex}.{kind}" for kind in ("toml", "log"))
    config.write_text(settings, encoding="utf-8")
    log_dir = directory / f"{config.stem}-logs"
    with log.open("w") as errors:
        process = warm_python.start(
            ["loadtest", "portal", "--port", "0", "--config", str(config)],
            env=portal_environ(url) | {"LOADTEST_LOG_DIR": str(log_dir)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        assert ready.startswith(READY), log.read_text()
        address = urlsplit(ready.removeprefix(READY).strip())
        assert address.hostname
        assert address.port
        yield Portal((address.hostname, address.port), process, log_dir)
    finally:
        process.terminate()
        try:
            said, _ = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
        with log.open("a") as output:
            output.write(said)

"""What a benchmark's load begins with: houses with JWTs, the request that a homeowner sends, and the answer to it."""

from __future__ import annotations

import json
import os
import secrets
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from conf.loading import load_settings
from conf.operations import Operation
from seed.fixture import House, write_fixture
from seed.jwts import with_new_tokens
from seed.questions import sample_questions
from seed.request import build_request

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
CHAT = (str(_HERE.parent / "locustfiles" / "chat.py"),)
BARE_FAST = (str(_HERE / "bare_users.py"), "BareFastHttpUser")
BARE_HTTP = (str(_HERE / "bare_users.py"), "BareHttpUser")
SERVER_TIMING = "Server-Timing: auth;dur=1.25, retrieval;dur=10.5, llm;dur=1600.25, insert;dur=2.5\r\n"
_DEVELOPMENT = str(UUID(int=17))
_SOURCES = 3


def unsigned_houses(count: int) -> Iterator[House]:
    """Houses of one development, still without a JWT."""
    for number in range(1, count + 1):
        yield House(
            house_id=str(UUID(int=number)),
            tenant_id=str(UUID(int=4)),
            tenant_slug="longview",
            development_id=_DEVELOPMENT,
            house_type="A",
            house_number=number,
            lot=f"LV-{number:05}",
            qr_token=f"{number:032}",
            jwt="",
        )


def chat_answer() -> bytes:
    """An answer as long as the reference portal's, that the suite's validation accepts."""
    source = {
        "id": str(UUID(int=99)),
        "title": "Homeowner Manual: heat pump",
        "documentType": "manual",
        "developmentId": _DEVELOPMENT,
        "chunkIndex": 7,
        "similarity": 0.8431,
    }
    reply = "Your heat pump stands beside the garage wall; its controls are in the utility room. " * 4
    return json.dumps({"reply": reply, "sources": [source] * _SOURCES}).encode()


class Estate:
    """
    A fixture in a directory, and the environment in which Locust finds it.

    Args:
        directory: Of the benchmark's own; runs are written there too.
        houses: How many.
    """

    def __init__(self, directory: Path, houses: int) -> None:
        fixture, request = directory / "houses.jsonl", directory / "request.json"
        self.runs = directory / "runs"
        self.runs.mkdir()
        self.csv = directory / "locust"
        secret = secrets.token_urlsafe(32)
        signed = list(with_new_tokens(unsigned_houses(houses), secret, datetime.now(UTC)))
        write_fixture(fixture, signed)
        chat = load_settings(environ={}).contract.endpoint(Operation.CHAT)
        sent = build_request(chat, signed[0], {"question": sample_questions()[0]})
        headers = sent.headers | {"traceparent": f"00-{'4bf9' * 8}-{'00f0' * 4}-01"}
        request.write_text(
            json.dumps({"path": sent.path, "body": sent.body, "headers": headers}), encoding="utf-8"
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])  # Locust's own may be another run's on this machine
        no_ceiling = directory / "no-ceiling.toml"
        no_ceiling.write_text("[target]\nmax_users = 1_000_000\nmax_requests_per_second = 1_000_000\n")
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LOADTEST_", "LOCUST_"))},
            "LOCUST_MASTER_BIND_PORT": port,
            "LOCUST_MASTER_NODE_PORT": port,
            "SESSION_SECRET": secret,
            "LOADTEST_CONFIG": str(no_ceiling),
            "LOADTEST_FIXTURE": str(fixture),
            "LOADTEST_PROFILE": str(_HERE / "profile.toml"),
            "LOADTEST_OUTPUT_DIR": str(self.runs),
            "LOADTEST_LOG_DIR": str(directory / "logs"),
            "BENCHMARK_REQUEST": str(request),
        }  # fmt: skip

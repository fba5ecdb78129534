"""
A stand-in for the portal that knows the truth: it decides what happens to each request, and logs what did happen.

It has the routes of ``conf/contracts/phase17.toml``, checks no token, and needs no database. It uses no code of the suite,
so that tests can compare the suite's reports with its independent log. Run it as a process of its own::

    python tests/support/truthful_target.py --log served.jsonl --latency lognormal:0.2:0.5:2 --unauthorized-ratio 0.3

It listens on a free port of the loopback, prints its address, and stops on SIGTERM or after ``--lifetime`` seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import selectors
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple, TextIO

from hostile_answers import ANSWERS, Answer, Worth
from patience import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

READY = "ready: "
FOREIGN_DEVELOPMENT = "00000000-0000-0000-0000-00000000dead"
_NS_PER_S = 10**9


class Route(StrEnum):
    CHAT = "/api/chat"
    PAGE = "/onboarding/{qr_token}"
    RESOLVE = "/api/qr/resolve"
    HEALTH = "/api/health"
    """Not part of the load: always answered at once with success, and without effect on the target's clock."""


class Fate(StrEnum):
    SUCCESS = "success"
    ERROR = "error"
    """Status 500."""
    UNAUTHORIZED = "unauthorized"
    """Status 401."""
    INVALID = "invalid"
    """Status 200, and a body that is not JSON; never for the page, since the contract allows it any body."""
    FOREIGN = "foreign"
    """Status 200, with a source of another development; for chat only."""
    REDIRECT = "redirect"
    """Status 302, to the address of ``--redirect-to``; never for the page, which is allowed to redirect."""
    HUNG = "hung"
    """Read, and never answered; its line in the log is written when the whole request has arrived."""
    HOSTILE = "hostile"
    """With ``--hostile``: the answers of `hostile_answers` in turn; the line in the log is written as for a hung one."""


_STATUS = {
    Fate.ERROR: "500 Internal Server Error",
    Fate.UNAUTHORIZED: "401 Unauthorized",
    Fate.REDIRECT: "302 Found",
}
_POSSIBLE = {
    Route.CHAT: set(Fate),
    Route.PAGE: {Fate.SUCCESS, Fate.ERROR, Fate.UNAUTHORIZED, Fate.HUNG},
    Route.RESOLVE: set(Fate) - {Fate.FOREIGN},
    Route.HEALTH: {Fate.SUCCESS},
}


@dataclass(frozen=True, slots=True)
class Served:
    """One served request; ``_ns`` are readings of the monotonic clock."""

    connection: int
    route: Route
    fate: Fate
    arrived_at: float
    """When the whole request had arrived, in seconds since the epoch."""
    drawn_us: int
    """How long the target meant to hold the request."""
    served_us: int
    """Measured time from the arrival of the whole request to the written answer."""
    complete_ns: int
    """When the whole request had arrived."""
    answered_ns: int
    """Just before the answer went to the kernel: no client can have it earlier."""


@dataclass(frozen=True, slots=True)
class Target:
    """A running target."""

    base_url: str
    port: int
    log: Path
    process: subprocess.Popen[str]

    def served(self) -> list[Served]:
        """Requests served so far without health checks, in the order of answers; complete once the target has stopped."""
        lines = map(json.loads, self.log.read_text(encoding="utf-8").splitlines())
        served = [
            Served(**{**line, "route": Route(line["route"]), "fate": Fate(line["fate"])}) for line in lines
        ]
        return [one for one in served if one.route is not Route.HEALTH]


@contextmanager
def running_target(directory: Path, *options: str) -> Iterator[Target]:
    """A target with these command-line options until the end of the block, where it must stop on a signal."""
    log = directory / "served.jsonl"
    process = subprocess.Popen(
        [sys.executable, __file__, "--log", str(log), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline().strip()
        assert ready.startswith(READY), f"the target did not start: {ready!r}"
        base_url = ready.removeprefix(READY)
        yield Target(base_url, int(base_url.rpartition(":")[2]), log, process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
            process.wait()


def parse_latency(text: str) -> Callable[[Random], float]:
    """Parse ``fixed:S``, ``uniform:LEAST:MOST`` or ``lognormal:MEDIAN:SIGMA:MOST``, all in seconds."""
    kind, *numbers = text.split(":")
    match kind, [float(number) for number in numbers]:
        case "fixed", [seconds]:
            return lambda _: seconds
        case "uniform", [least, most]:
            return lambda random: random.uniform(least, most)
        case "lognormal", [median, sigma, most]:
            return lambda random: min(random.lognormvariate(math.log(median), sigma), most)
    raise ValueError(text)


class Stall(NamedTuple):
    """A span in seconds since the first request; an answer due within it waits for its end."""

    at_s: float
    for_s: float

    @classmethod
    def parse(cls, text: str) -> Stall:
        at_s, for_s = map(float, text.split(":"))
        return cls(at_s, for_s)

    def due_ns(self, due_ns: int, first_ns: int) -> int:
        begin_ns = first_ns + round(self.at_s * _NS_PER_S)
        end_ns = begin_ns + round(self.for_s * _NS_PER_S)
        return end_ns if begin_ns <= due_ns < end_ns else due_ns


class Fates:
    """Draws the fate of each request, from the seed and the order in which requests arrive."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._random = Random(options.seed)
        self._latency = options.latency
        self._failure_latency = options.failure_latency or options.latency
        self._ratios = {
            Fate.ERROR: options.error_ratio,
            Fate.UNAUTHORIZED: options.unauthorized_ratio,
            Fate.INVALID: options.invalid_ratio,
            Fate.FOREIGN: options.foreign_ratio,
            Fate.REDIRECT: options.redirect_ratio,
            Fate.HUNG: options.hung_ratio,
        }
        self._refuse_first = options.refuse_first
        self._fail_after_s = options.fail_after

    def draw(self, route: Route, elapsed_s: float, *, is_first: bool) -> tuple[Fate, float]:
        """Draw a request's fate, and the seconds until it; *is_first*: whether it is the first of its connection."""
        fate = self._fate(self._random.random())
        if fate not in _POSSIBLE[route]:
            fate = Fate.SUCCESS
        if is_first and self._refuse_first:
            fate = Fate.UNAUTHORIZED
        if elapsed_s >= self._fail_after_s:
            fate = Fate.ERROR
        latency = self._latency if fate is Fate.SUCCESS else self._failure_latency
        return fate, latency(self._random)

    def _fate(self, share: float) -> Fate:
        for fate, ratio in self._ratios.items():
            if share < ratio:
                return fate
            share -= ratio
        return Fate.SUCCESS


class Ledger:
    """Shared by all connections: the fates, the clock that begins with the first request, the log."""

    def __init__(
        self, fates: Fates, stall: Stall | None, redirect_to: str, log: TextIO, *, hostile: bool
    ) -> None:
        self._hostile = hostile
        self._given = 0
        self.redirect_to = redirect_to
        self._fates = fates
        self._stall = stall
        self._log = log
        self._first_ns: int | None = None
        self._connections = 0

    def next_hostile(self) -> tuple[Answer, int] | None:
        """The next hostile answer, and how often it was given before; None without ``--hostile``."""
        if not self._hostile:
            return None
        turn, number = divmod(self._given, len(ANSWERS))
        self._given += 1
        return list(ANSWERS.values())[number], turn

    def next_connection(self) -> int:
        self._connections += 1
        return self._connections

    def decide(self, route: Route, now_ns: int, *, is_first: bool) -> tuple[Fate, int, int]:
        """Decide about a request that is complete now: its fate, the nanoseconds drawn, the moment it is due."""
        if route is Route.HEALTH:
            return Fate.SUCCESS, 0, now_ns
        self._first_ns = self._first_ns or now_ns
        fate, seconds = self._fates.draw(route, (now_ns - self._first_ns) / _NS_PER_S, is_first=is_first)
        held_ns = round(seconds * _NS_PER_S)
        due_ns = now_ns + held_ns
        return fate, held_ns, self._stall.due_ns(due_ns, self._first_ns) if self._stall else due_ns

    def write(self, served: Served) -> None:
        """Write one line, which is in the file at once."""
        self._log.write(json.dumps(asdict(served)) + "\n")


class Conversation(asyncio.Protocol):
    """One connection, with requests one after the other, as of an HTTP/1.1 client that does not pipeline."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._number = ledger.next_connection()
        self._requests = 0
        self._has_closed = False
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        complete_ns, arrived_at = time.monotonic_ns(), time.time()
        self._received = b""
        route = _route(head)
        if route is None:
            self._transport.write(_response("404 Not Found", b""))
            return
        self._requests += 1
        fate, held_ns, due_ns = self._ledger.decide(route, complete_ns, is_first=self._requests == 1)
        hostile = self._ledger.next_hostile() if route is not Route.HEALTH else None
        location = self._ledger.redirect_to if fate is Fate.REDIRECT else ""
        response = _response(_STATUS.get(fate, "200 OK"), _body(route, fate, body), location)

        def note(answered_ns: int) -> None:
            served_us = (time.monotonic_ns() - complete_ns) // 1000
            drawn_us = held_ns // 1000
            self._ledger.write(
                Served(self._number, route, fate, arrived_at, drawn_us, served_us, complete_ns, answered_ns)
            )

        def answer() -> None:
            if self._transport.is_closing():
                return  # the client is gone: nothing was served
            answered_ns = time.monotonic_ns()
            self._transport.write(response)
            note(answered_ns)

        if self._has_closed:
            fate = Fate.HOSTILE
        elif hostile is not None:
            kind, turn = hostile
            good = kind.worth is Worth.GOOD or (kind.worth is Worth.GOOD_AS_PAGE and route is Route.PAGE)
            fate = Fate.SUCCESS if good else Fate.HOSTILE
            self._write_pieces(kind.build(_body(route, Fate.SUCCESS, body), turn), closes=kind.closes)
        if fate in {Fate.HUNG, Fate.HOSTILE} or hostile is not None:
            note(complete_ns)
            return
        asyncio.get_running_loop().call_at(due_ns / _NS_PER_S, answer)

    def _write_pieces(self, pieces: list[bytes], *, closes: bool) -> None:
        """Write each piece in a packet of its own, as far as the network allows."""
        if self._transport.is_closing():
            return
        self._transport.write(pieces[0])
        if pieces[1:]:
            later = partial(self._write_pieces, pieces[1:], closes=closes)
            asyncio.get_running_loop().call_later(0.002, later)
        elif closes:
            # Close only this side: a request that the client sends now is read and counted, and never answered.
            self._has_closed = True
            self._transport.write_eof()


def _content_length(head: bytes) -> int:
    _, found, value = head.lower().partition(b"\r\ncontent-length:")
    return int(value.partition(b"\r\n")[0]) if found else 0


def _route(head: bytes) -> Route | None:
    method, path, *_ = head.split(b" ", 2)
    match method, path:
        case b"POST", b"/api/chat":
            return Route.CHAT
        case b"POST", b"/api/qr/resolve":
            return Route.RESOLVE
        case b"GET", b"/api/health":
            return Route.HEALTH
        case b"GET", _ if path.startswith(b"/onboarding/"):
            return Route.PAGE
    return None


def _body(route: Route, fate: Fate, asked: bytes) -> bytes:
    if fate not in {Fate.SUCCESS, Fate.FOREIGN}:
        return b"<!doctype html>not what you asked for"
    match route:
        case Route.CHAT:
            development = FOREIGN_DEVELOPMENT if fate is Fate.FOREIGN else json.loads(asked)["developmentId"]
            return json.dumps(
                {"reply": "Under the sink.", "sources": [{"developmentId": development}]}
            ).encode()
        case Route.RESOLVE:
            return b'{"token": "a-token", "house": {"number": 1}}'
    return b"{}"


def _response(status: str, body: bytes, location: str = "") -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head += [f"Location: {location}"] if location else []
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--log", type=Path, required=True, help="receives a JSON line per served request")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--latency", type=parse_latency, default="fixed:0.05", help=parse_latency.__doc__)
    parser.add_argument(
        "--failure-latency", type=parse_latency, help="of failures; by default as of successes"
    )
    for fate in (Fate.ERROR, Fate.UNAUTHORIZED, Fate.INVALID, Fate.FOREIGN, Fate.REDIRECT, Fate.HUNG):
        parser.add_argument(f"--{fate}-ratio", type=float, default=0.0)
    parser.add_argument("--redirect-to", default="", metavar="URL", help="where redirects lead")
    parser.add_argument(
        "--refuse-first", action="store_true", help="401 to the first request of each connection"
    )
    parser.add_argument("--hostile", action="store_true", help="answers that no portal should give")
    parser.add_argument("--stall", type=Stall.parse, metavar="AT_S:FOR_S", help=Stall.__doc__)
    parser.add_argument(
        "--fail-after", type=float, default=math.inf, metavar="S", help="since the first request"
    )
    parser.add_argument("--lifetime", type=float, default=120.0, metavar="S")
    return parser.parse_args(arguments)


async def _serve(options: argparse.Namespace) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.call_later(options.lifetime, stopping.set)
    if options.hostile:
        for kind in ANSWERS.values():
            kind.build(b"{}", 0)  # slow answers are built before the first request
    with options.log.open("w", encoding="utf-8", buffering=1) as log:  # line by line
        ledger = Ledger(Fates(options), options.stall, options.redirect_to, log, hostile=options.hostile)
        server = await loop.create_server(lambda: Conversation(ledger), "127.0.0.1", 0, backlog=1024)
        host, port = server.sockets[0].getsockname()
        sys.stdout.write(f"{READY}http://{host}:{port}\n")
        sys.stdout.flush()
        await stopping.wait()
        server.close()


def _precise_loop() -> asyncio.AbstractEventLoop:
    """A loop with select(), which waits for microseconds; epoll, asyncio's default, waits for whole milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=_precise_loop) as runner:
        runner.run(_serve(_parse_options(sys.argv[1:])))

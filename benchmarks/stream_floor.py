"""
What the transport alone does to the moments of streamed answers: a loop around ``epoll`` that keeps each read, and parses none.

Run by benchmarks/stream_truth.py: ``python -m benchmarks.stream_floor URL STREAMS REQUEST.json NOTES.jsonl``. What it has
read is looked at when it is interrupted.
"""

from __future__ import annotations

import json
import secrets
import select
import socket
import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlsplit

_BLOCK_BYTES = 65_536
_TEXT, _DONE, _END = b'"type":"text"', b'"type":"done"', b"\r\n0\r\n\r\n"


class Noted(NamedTuple):
    """One answer as its reader saw it, in seconds; all but the gap from before it was asked for."""

    trace_id: str
    first_text_s: float
    largest_gap_s: float
    done_s: float

    def line(self) -> str:
        """Of a file of them."""
        return json.dumps(self) + "\n"


def load_noted(files: list[Path]) -> list[Noted]:
    """All that was noted in these files; a line that its writer did not end is none."""
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines(keepends=True)]
    return [Noted(*json.loads(line)) for line in lines if line.endswith("\n")]


class _Stream:
    """One connection, which asks again as soon as it has a whole answer."""

    def __init__(self, address: tuple[str, int], head: str, body: str) -> None:
        self.opened = socket.create_connection(address)
        self._head, self._body = head, body
        self.answers: list[tuple[str, float, list[tuple[float, bytes]]]] = []
        self.ask()

    def ask(self) -> None:
        """Send the next request."""
        trace_id = secrets.token_hex(16)
        head = f"{self._head}traceparent: 00-{trace_id}-{trace_id[:16]}-01\r\n\r\n"
        self._reads: list[tuple[float, bytes]] = []
        self.answers.append((trace_id, perf_counter(), self._reads))
        self.opened.sendall(f"{head}{self._body}".encode())

    def read(self) -> None:
        """Keep what has come."""
        data = self.opened.recv(_BLOCK_BYTES)
        self._reads.append((perf_counter(), data))
        assert data, "the server has hung up"
        if data.endswith(_END):
            self.ask()


def _noted(trace_id: str, asked_s: float, reads: list[tuple[float, bytes]]) -> Noted | None:
    if not reads or not reads[-1][1].endswith(_END):
        return None
    texts_s = [at_s for at_s, data in reads for _ in range(data.count(_TEXT))]
    done_s = next(at_s for at_s, data in reads if _DONE in data)
    largest_s = max(after - before for before, after in pairwise(texts_s))
    return Noted(trace_id, texts_s[0] - asked_s, largest_s, done_s - asked_s)


def _follow(url: str, streams: int, request: Path, notes: Path) -> None:
    sent = json.loads(request.read_text(encoding="utf-8"))
    address, body = urlsplit(url), sent["body"]
    headers = {
        "Host": address.netloc,
        **sent["headers"],
        "Content-Length": str(len(body.encode())),
    }
    lines = [
        f"POST {sent['path']} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items() if name != "traceparent"),
    ]
    head = "".join(f"{line}\r\n" for line in lines)
    assert address.hostname
    assert address.port
    opened = [_Stream((address.hostname, address.port), head, body) for _ in range(streams)]
    epoll, by_number = select.epoll(), {stream.opened.fileno(): stream for stream in opened}
    for number in by_number:
        epoll.register(number, select.EPOLLIN)
    try:
        while True:
            for number, _ in epoll.poll():
                by_number[number].read()
    except KeyboardInterrupt:
        answers = [answer for stream in opened for answer in stream.answers]
        notes.write_text(
            "".join(noted.line() for answer in answers if (noted := _noted(*answer))), encoding="utf-8"
        )


if __name__ == "__main__":
    _follow(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))

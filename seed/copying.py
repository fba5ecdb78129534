"""
Writes rows into a table by COPY, in PostgreSQL's binary format: a vector is sent as its bytes, not as decimal numbers.

Format: https://www.postgresql.org/docs/current/sql-copy.html (Binary Format), and pgvector's ``vector_recv``.
"""

from __future__ import annotations

import io
import itertools
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from threading import Semaphore
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from psycopg2 import sql

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from _typeshed import WriteableBuffer
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class has a small letter

_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_NULL = struct.pack("!i", -1)
_JSONB_VERSION = b"\x01"
_BLOCK_ROWS = 16
_BLOCKS_AHEAD = 256
"""Thirty megabytes where each row has a vector: enough for the pauses in which the server writes to its disk."""
_PORTION_BYTES = 1 << 16

Value = UUID | str | bool | int | dict[str, object] | np.ndarray | None
"""Sent as uuid, text, boolean, integer, jsonb, vector, NULL: the columns must have exactly these types."""


def copy_rows(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    """
    Stream any number of *rows* into *table*. A thread makes them, some megabytes ahead of the server.

    Raises:
        psycopg2.Error: The server refuses them; no row is kept.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with closing(_made_ahead(_blocks(rows))) as blocks:
        cursor.copy_expert(statement, _ByteStream(blocks), size=_PORTION_BYTES)


class _ByteStream(io.RawIOBase):
    """The file that psycopg2 reads: the blocks of an iterator, in portions of any size."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer)
        self._rest = self._rest or memoryview(next(self._blocks, b""))
        portion, self._rest = self._rest[: len(target)], self._rest[len(target) :]
        target[: len(portion)] = portion
        return len(portion)


def _made_ahead(blocks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """The same blocks; a thread makes the next ones while one is in use. An exception of the thread is raised here."""
    made: SimpleQueue[bytes] = SimpleQueue()
    room = Semaphore(_BLOCKS_AHEAD)
    is_wanted = True

    def make() -> None:
        try:
            for block in blocks:
                room.acquire()
                if not is_wanted:
                    return
                made.put(block)
        finally:
            made.put(b"")

    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(make)
        try:
            while block := made.get():
                room.release()
                yield block
            making.result()
        finally:
            is_wanted = False
            room.release()


def _blocks(rows: Iterable[Sequence[Value]]) -> Iterator[bytes]:
    pieces = _encoded(rows)
    while block := b"".join(itertools.islice(pieces, _BLOCK_ROWS)):
        yield block


def _encoded(rows: Iterable[Sequence[Value]]) -> Iterator[bytes]:
    yield _HEADER
    for row in rows:
        yield struct.pack("!h", len(row)) + b"".join(map(_encode, row))
    yield _TRAILER


def _encode(value: Value) -> bytes:
    if value is None:
        return _NULL
    data = _data(value)
    return struct.pack("!i", len(data)) + data


def _data(value: object) -> bytes:
    match value:
        case UUID():
            return value.bytes
        case str():
            return value.encode()
        case bool():
            return struct.pack("!?", value)
        case int():
            return struct.pack("!i", value)
        case dict():
            return _JSONB_VERSION + json.dumps(value, ensure_ascii=False).encode()
        case np.ndarray():
            return struct.pack("!HH", len(value), 0) + value.astype(">f4").tobytes()
    raise TypeError(f"no column type for {type(value).__name__}")

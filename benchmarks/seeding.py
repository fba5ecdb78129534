"""
What does seeding 100,000 chunks cost, compared with a bare COPY of the same rows and the same index?

Each has a server of its own that has written nothing else: one that has written as much before writes it again more
quickly, since the files of its log are there.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2

from benchmarks.figures import Figure
from conf.loading import load_settings
from loadtest.embedded_server import start_server
from seed.seeding import seed_database
from seed.vector_index import create_vector_index, drop_vector_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conf.settings import Seed

CHUNKS = 100_000
_HOUSES = 200
_DEVELOPMENTS = 10
_SECRET = "a-secret-of-the-benchmark-that-signs-nothing-else"  # noqa: S105 - of the benchmark
_COLUMNS = (
    "id, tenant_id, development_id, document_id, chunk_index, content, embedding, house_type_code, source_type,"
    " is_important, metadata"
)


def measure(chunks: int = CHUNKS, houses: int = _HOUSES, developments: int = _DEVELOPMENTS) -> list[Figure]:
    """Seed a new database, keep the rows as a file, and load that file into another new one."""
    with tempfile.TemporaryDirectory(prefix="openhouse-bench-") as name:
        directory = Path(name)
        settings = load_settings({"seed.fixture": str(directory / "houses.jsonl")}, environ={})
        sizes = {"houses": houses, "developments": developments}
        rows = directory / "rows"
        with _server(directory / "seeded") as url:
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            seed_database(url, settings, _SECRET, datetime.now(UTC), chunks=chunks, **sizes)
            seeded_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            with (
                closing(psycopg2.connect(url)) as connection,
                connection.cursor() as cursor,
                rows.open("wb") as file,
            ):
                cursor.copy_expert(f"COPY doc_chunks ({_COLUMNS}) TO STDOUT (FORMAT binary)", file)
        with _server(directory / "bare") as url:
            # The developments and documents that the rows belong to; their own chunks make room for them.
            seed_database(url, settings, _SECRET, datetime.now(UTC), **sizes)
            copied_s, bare_s = _copy(url, rows, settings.seed)
    ratio = seeded_s / bare_s
    return [
        Figure(
            f"Seeding {chunks:,} chunks ÷ a bare COPY of the same rows and the same index, each in a new database",
            f"{seeded_s:.1f} s, {cpu_s:.1f} s of them our own processor time ÷ {bare_s:.1f} s ({copied_s:.1f} s COPY)",
            ratio,
            "at most 1.5",
            ratio <= 1.5,  # noqa: PLR2004 - as the line above says
        )
    ]


def _copy(url: str, rows: Path, settings: Seed) -> tuple[float, float]:
    """How many seconds it takes to load the rows, and to load and index them."""
    with closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            drop_vector_index(cursor)
            cursor.execute("TRUNCATE doc_chunks")
        began_s = time.perf_counter()
        with connection, connection.cursor() as cursor, rows.open("rb") as file:
            cursor.copy_expert(f"COPY doc_chunks ({_COLUMNS}) FROM STDIN (FORMAT binary)", file)
        copied_s = time.perf_counter() - began_s
        with connection, connection.cursor() as cursor:
            create_vector_index(cursor, settings)
        return copied_s, time.perf_counter() - began_s


@contextmanager
def _server(directory: Path) -> Iterator[str]:
    """A new one; its address."""
    server = start_server(directory, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand

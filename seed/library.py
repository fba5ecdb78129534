"""Documents and their chunks in the database."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from psycopg2.extras import execute_values

from seed.copying import copy_rows
from seed.document import load_documents
from seed.embedding import embed
from seed.vector_index import drop_vector_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class has a small letter

    from seed.copying import Value
    from seed.estate import Development
    from seed.generated import Part

_COLUMNS = (
    "id",
    "tenant_id",
    "development_id",
    "document_id",
    "chunk_index",
    "content",
    "embedding",
    "house_type_code",
    "source_type",
    "is_important",
    "metadata",
)
_BATCH = 16
"""Chunks embedded at once."""


def write_documents(cursor: Cursor, developments: Sequence[Development]) -> int:
    """
    Replace the developments' documents; their chunks go with them.

    Returns:
        The number of documents.
    """
    drop_vector_index(cursor)  # before the chunks are deleted: the index would have to delete each of them
    ids = [str(development.development_id) for development in developments]
    cursor.execute("DELETE FROM documents WHERE development_id = ANY (%s::uuid[])", (ids,))
    rows = [
        (
            str(development.document_id(document.name)),
            str(development.tenant_id),
            str(development.development_id),
            document.title,
            document.document_type,
            document.is_important,
        )
        for development in developments
        for document in load_documents()
    ]
    execute_values(
        cursor,
        "INSERT INTO documents (id, tenant_id, development_id, title, document_type, is_important) VALUES %s",
        rows,
    )
    return len(rows)


def write_chunks(cursor: Cursor, parts: Sequence[Part], advance: Callable[[], None]) -> None:
    """
    Load the chunks of *parts* with their vectors, a batch at a time, so that an estate of any size fits in memory.

    Args:
        cursor: Of one transaction, with `write_documents` before it.
        parts: Their documents were just replaced.
        advance: Called once per chunk.
    """
    copy_rows(cursor, "doc_chunks", _COLUMNS, _rows(parts, advance))


def _rows(parts: Sequence[Part], advance: Callable[[], None]) -> Iterator[Sequence[Value]]:
    for part in parts:
        tenant_id, development_id = part.development.tenant_id, part.development.development_id
        chunks = part.chunks()
        while batch := list(itertools.islice(chunks, _BATCH)):
            vectors = embed([chunk.content for chunk in batch])
            for chunk, vector in zip(batch, vectors, strict=True):
                yield (
                    chunk.chunk_id,
                    tenant_id,
                    development_id,
                    chunk.document_id,
                    chunk.chunk_index,
                    chunk.content,
                    vector,
                    chunk.house_type_code,
                    chunk.source_type,
                    chunk.is_important,
                    dict(chunk.metadata),
                )
                advance()

"""What retrieval finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID


class FoundChunk(NamedTuple):
    """A piece of a document, and how near it is to the question."""

    id: UUID
    title: str
    document_type: str
    development_id: UUID
    chunk_index: int
    content: str
    similarity: float
    """Cosine similarity to the question, -1..1."""
    tier: str = ""
    """Name of the first tier that found it."""

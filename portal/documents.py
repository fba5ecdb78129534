"""The documents of a homeowner's development: the list, and what one of them says."""

from __future__ import annotations

from uuid import UUID  # noqa: TC003 - FastAPI reads the annotations at run time

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from portal.auth import CurrentHomeowner  # noqa: TC001 - FastAPI reads the annotations at run time
from portal.database import database_of
from portal.faults import strike
from portal.refusal import Refusal

router = APIRouter(dependencies=[Depends(strike)])

_DOCUMENTS = """
    SELECT id, title, document_type, is_important FROM documents
    WHERE tenant_id = $1 AND development_id = $2
    ORDER BY is_important DESC, title
"""
_DOCUMENT = """
    SELECT d.title, c.content FROM documents AS d JOIN doc_chunks AS c ON c.document_id = d.id
    WHERE d.id = $1 AND d.tenant_id = $2 AND d.development_id = $3
    ORDER BY c.chunk_index
"""


@router.get("/api/documents")
async def documents(request: Request, homeowner: CurrentHomeowner) -> JSONResponse:
    """All documents of the development, the important ones first."""
    rows = await database_of(request).fetch(_DOCUMENTS, homeowner.tenant_id, homeowner.development_id)
    listed = [
        {
            "id": str(row["id"]),
            "title": row["title"],
            "documentType": row["document_type"],
            "isImportant": row["is_important"],
        }
        for row in rows
    ]
    return JSONResponse({"documents": listed})


@router.get("/api/documents/{document_id}")
async def document(request: Request, homeowner: CurrentHomeowner, document_id: UUID) -> JSONResponse:
    """One of them, as its chunks have it; 404 for a document of another development, as for one that is not there."""
    rows = await database_of(request).fetch(
        _DOCUMENT, document_id, homeowner.tenant_id, homeowner.development_id
    )
    if not rows:
        raise Refusal(404, "Unknown document")
    content = "\n\n".join(row["content"] for row in rows)
    return JSONResponse({"id": str(document_id), "title": rows[0]["title"], "content": content})

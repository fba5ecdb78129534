"""The documents of a homeowner's development."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from portal.auth import CurrentHomeowner  # noqa: TC001 - FastAPI reads the annotations at run time
from portal.database import database_of
from portal.faults import strike

router = APIRouter(dependencies=[Depends(strike)])

_DOCUMENTS = """
    SELECT id, title, document_type, is_important FROM documents
    WHERE tenant_id = $1 AND development_id = $2
    ORDER BY is_important DESC, title
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

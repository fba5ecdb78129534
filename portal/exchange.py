"""The record of a question and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.database import database_of
from portal.timing import timings_of

if TYPE_CHECKING:
    from fastapi import Request

    from portal.homeowner import Homeowner
    from portal.model import Completion

_INSERT_MESSAGE = """
    INSERT INTO messages (tenant_id, development_id, house_id, sender, content, user_message, ai_message, source,
                          latency_ms, token_count, cost_usd)
    VALUES ($1, $2, $3, 'assistant', $5, $4, $5, 'rag', $6, $7, $8)
"""


async def keep_exchange(
    request: Request, homeowner: Homeowner, question: str, completion: Completion
) -> None:
    """Add question and answer to the house's messages."""
    await database_of(request).execute(
        _INSERT_MESSAGE,
        homeowner.tenant_id,
        homeowner.development_id,
        homeowner.house_id,
        question,
        completion.reply,
        round(timings_of(request).elapsed_ms),
        completion.token_count,
        completion.cost_usd,
    )

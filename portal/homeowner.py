"""Who a request comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping


class Homeowner(NamedTuple):
    """What a valid JWT says."""

    tenant_id: UUID
    development_id: UUID
    house_id: UUID
    house_type: str | None

    @classmethod
    def from_claims(cls, claims: Mapping[str, str]) -> Self:
        """
        Read the claims of a verified JWT.

        Raises:
            ValueError: An id is not a UUID.
        """
        return cls(
            UUID(claims["tenant_id"]),
            UUID(claims["development_id"]),
            UUID(claims["house_id"]),
            claims.get("house_type"),
        )

"""The contracts that the reference portal speaks: a name, and the routes that belong to it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import LoadTestError
from portal import documents, health, onboarding
from portal.contracts import (
    phase17,
    phase17_stream,
    portal_2025_12,
    portal_2025_12_houses,
    portal_2026,
    portal_2026_errors,
    portal_2026_houses,
)
from portal.database import DatabaseGoneError
from portal.model import ModelError, ModelRefusedError
from portal.refusal import ErrorAnswer, plain_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import APIRouter


_ERRORS: dict[type[Exception], tuple[int, str]] = {
    DatabaseGoneError: (503, "The database is not available"),
    ModelError: (502, "The model did not answer"),
    ModelRefusedError: (429, "The model takes no more questions now"),
    Exception: (500, "Internal server error"),  # uvicorn writes its traceback to the log
}


class SpokenContract(NamedTuple):
    """One contract, as the portal serves it."""

    name: str
    routers: tuple[APIRouter, ...]
    tables: tuple[str, ...] = ()
    """What it needs in the database beyond the tables of all contracts."""
    say_error: ErrorAnswer = plain_error
    errors: Mapping[type[Exception], tuple[int, str]] = MappingProxyType(_ERRORS)
    """Exception → status and words."""


_HOMEOWNERS = (phase17.history_router, documents.router, onboarding.router, health.router)

SPOKEN = {
    contract.name: contract
    for contract in (
        SpokenContract("phase17", (phase17.router, *_HOMEOWNERS)),
        SpokenContract("phase17-stream", (phase17_stream.router, *_HOMEOWNERS)),
        SpokenContract(
            "portal-2025-12",
            (portal_2025_12.router, portal_2025_12_houses.router, portal_2025_12.health_router),
            ("units", "qr_tokens"),
            portal_2025_12.say_error,
            _ERRORS
            | {
                DatabaseGoneError: (500, "Internal server error"),
                ModelError: (500, "The model did not answer"),
            },
        ),
        SpokenContract(
            "portal-2026",
            (portal_2026.router, portal_2026_houses.router, portal_2026.health_router),
            ("units", "document_sections"),
            portal_2026_errors.say_error,
            _ERRORS | {ModelError: (500, "The model did not answer")},
        ),
    )
}


def require_spoken(names: Sequence[str]) -> SpokenContract:
    """
    The first contract of *names*, which are `Settings.contract_names`, that the portal speaks.

    Raises:
        LoadTestError: It speaks none of them.
    """
    spoken = next((SPOKEN[name] for name in names if name in SPOKEN), None)
    if spoken is None:
        raise LoadTestError(
            f"target.contract: the reference portal does not speak {names[0]!r}; it speaks {', '.join(SPOKEN)}",
            'Choose one: loadtest portal --contract phase17; or base a file of your own on one of them: based_on = "phase17"',
        )
    return spoken

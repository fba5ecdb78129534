"""The contracts that the reference portal speaks: a name, and the routes that belong to it."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import LoadTestError
from portal import documents, health, onboarding
from portal.contracts import phase17, phase17_stream

if TYPE_CHECKING:
    from fastapi import APIRouter


class SpokenContract(NamedTuple):
    """One contract, as the portal serves it."""

    name: str
    routers: tuple[APIRouter, ...]


_HOMEOWNERS = (phase17.history_router, documents.router, onboarding.router, health.router)

SPOKEN = {
    contract.name: contract
    for contract in (
        SpokenContract("phase17", (phase17.router, *_HOMEOWNERS)),
        SpokenContract("phase17-stream", (phase17_stream.router, *_HOMEOWNERS)),
    )
}


def require_spoken(choice: str) -> SpokenContract:
    """
    The contract that *choice* names.

    Args:
        choice: ``target.contract``: a name, or the path of a file that is called like the contract it describes.

    Raises:
        LoadTestError: The portal does not speak it.
    """
    name = PurePath(choice).stem
    if name not in SPOKEN:
        raise LoadTestError(
            f"target.contract: the reference portal does not speak {name!r}; it speaks {', '.join(SPOKEN)}",
            "Choose one: loadtest portal --contract phase17; or give a file of your own the name of one of them",
        )
    return SPOKEN[name]

"""Code of the user's own, where a contract's data is not enough: a class that writes a request and judges its answer."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conf.contract import Contract
    from conf.operations import Journey
    from seed.fixture import House
    from seed.request import Request
    from swarm.http.response import Response


@runtime_checkable
class OwnEndpoint(Protocol):
    """
    What a class must have that an endpoint of a contract names in ``python``.

    It is made once in each process, without arguments. Whatever else is raised in it fails the request as unexpected.
    """

    def write_request(self, request: Request, house: House, words: Mapping[str, str]) -> Request:
        """
        Return what is sent.

        Args:
            request: As the contract's templates make it.
            house: The house that asks.
            words: The question, and what earlier answers of the flow gave.
        """

    def judge_answer(self, response: Response, house: House) -> None:
        """
        Judge an answer that the contract's own rules accept.

        Raises:
            RequestFailed: It is a failure.
            CountedApart: It is neither success nor failure.
        """


@cache
def load_own_endpoint(name: str) -> OwnEndpoint:
    """
    Make the object that *name* stands for: ``package.module:Class``.

    Raises:
        LoadTestError: It cannot be imported or made, or lacks one of the methods.
    """
    module, _, kind = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), kind)()
    except Exception as error:  # noqa: BLE001 - the user's own code may raise anything
        raise LoadTestError(
            f"contract: python: {name} cannot be loaded: {type(error).__name__}: {error}",
            "Is its directory in PYTHONPATH? docs/contracts.md has an example",
        ) from None
    if not isinstance(made, OwnEndpoint):
        raise LoadTestError(
            f"contract: python: {name} has no methods write_request and judge_answer",
            "docs/contracts.md has an example",
        )
    return made


def require_own_endpoints(contract: Contract, journeys: Iterable[Journey]) -> str:
    """
    Load what *journeys* need of it, so that it is not missing in the first request; returns its names.

    Raises:
        LoadTestError: As `load_own_endpoint`.
    """
    asked = [contract.endpoints.get(operation) for journey in journeys for operation in journey.operations]
    names = dict.fromkeys(endpoint.python for endpoint in asked if endpoint is not None and endpoint.python)
    for name in names:
        load_own_endpoint(name)
    return ", ".join(names)

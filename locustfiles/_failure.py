"""A request that did not succeed, in the words of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conf.operations import Outcome


class RequestFailed(Exception):  # noqa: N818 - it is a result, fired as Locust's `exception`, rarely raised
    """
    How and why a request failed.

    Locust groups failures by their ``repr``, which therefore is ``outcome: message`` and must not
    hold anything that differs from request to request, nor a secret.
    """

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message

    def __repr__(self) -> str:
        return f"{self.outcome}: {self.message}"

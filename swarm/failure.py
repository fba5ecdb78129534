"""A request that did not succeed, in the words of the report."""

from __future__ import annotations

from pathlib import Path
from traceback import walk_tb

from conf.operations import Outcome

_PROJECT = Path(__file__).parents[1]
_ROOMS = frozenset({"conf", "seed", "monitoring", "reports", "swarm", "locustfiles"})
"""Folders of the project's code. Its root may hold others: a virtual environment, or other installed packages."""


class RequestFailed(Exception):  # noqa: N818 - a result, passed to Locust as `exception`, rarely raised
    """
    How and why a request failed.

    Locust groups failures by their ``repr``, which is ``outcome: message``. So the message holds nothing that
    differs from request to request, and no secret.

    Args:
        outcome: How it failed.
        message: Why.
        detail: What the target said about this one request, for the log of failures alone; may hold anything.
    """

    def __init__(self, outcome: Outcome, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.detail = detail

    def __repr__(self) -> str:
        return f"{self.outcome}: {self.message}"


class CountedApart(Exception):  # noqa: N818 - a result, not an error
    """
    A result that is neither a success nor a failure.

    Args:
        outcome: One that `Outcome.is_apart`.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def unexpected_failure(error: BaseException) -> RequestFailed:
    """
    The failure for an exception that the suite does not know.

    The message names the exception's type and the line of the project that it came through. It leaves out the
    exception's text, which may hold anything. The exception is the failure's ``__cause__``.
    """
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(error.__traceback__)]
    own = [(path.relative_to(_PROJECT), line) for path, line in frames if _is_own(path)]
    others = [(Path(path.parent.name, path.name), line) for path, line in frames]
    places = [f" in {path}:{line}" for path, line in (own or others)[-1:]]
    failed = RequestFailed(Outcome.UNEXPECTED, f"{type(error).__name__}{''.join(places)}")
    failed.__cause__ = error
    return failed


def _is_own(path: Path) -> bool:
    return path.is_relative_to(_PROJECT) and path.relative_to(_PROJECT).parts[0] in _ROOMS

"""Judges the JSON fields of an answer: the one body of a whole answer, or the events of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conf.json_path import find
from conf.operations import Outcome
from swarm.failure import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conf.answer import Answer, Scalar
    from seed.fixture import House


class FieldJudge:
    """
    Takes what came, piece by piece: of a stream, any event may have a field.

    Args:
        expected: What the contract says about the answer.
        house: The house that asked.
    """

    def __init__(self, expected: Answer, house: House) -> None:
        self._expected, self._house = expected, house
        self._seen: set[str] = set()
        self._compares = bool(expected.own or expected.intercepted_values or expected.equals)
        self.is_intercepted = expected.intercepted is True
        """Whether the answer says that no model gave it."""

    def take(self, body: Mapping[str, Any]) -> None:
        """
        Judge one object of the answer.

        Raises:
            RequestFailed: It is another house's, or has a value that the contract does not allow.
        """
        if not self._compares:
            return
        expected = self._expected
        for path, name in expected.own.items():
            self._compare(path, find(body, path), self._house.value(name))
        for path, values in expected.intercepted_values.items():
            if _is_among(find(body, path), values):
                self.is_intercepted = True
                self._seen.add(path)
        for path, values in expected.equals.items():
            value = find(body, path)
            if value is None:
                continue
            self._seen.add(path)
            if not _is_among(value, values) and not _is_among(
                value, expected.intercepted_values.get(path, ())
            ):
                raise invalid(f"{path} has a value that the contract does not allow")

    def _compare(self, path: str, value: Any, own: str) -> None:
        if value is None or value == "" or not own:
            return
        self._seen.add(path)
        if not isinstance(value, str | int):
            raise invalid(f"{path} is no text")
        if str(value) != own:
            raise RequestFailed(Outcome.ISOLATION, f"{path} is another house's")

    def take_sources(self, sources: Any) -> None:
        """
        Judge documents that the answer rests on; one of another development matters most, even where others are malformed.

        Args:
            sources: As the answer lists them.

        Raises:
            RequestFailed: A document is another house's, or does not say whose it is.
        """
        expected = self._expected
        if not (expected.source_own or expected.source_foreign) or not sources:
            return
        if not isinstance(sources, list):
            raise invalid("the sources are not a list")
        fault = ""
        for path, name in expected.source_own.items():
            found, own = [find(source, path) for source in sources], self._house.value(name)
            named = [value for value in found if isinstance(value, str) and value.strip()]
            if any(value != own for value in named):
                raise _foreign_source(name)
            if len(named) < len(found):
                fault = fault or f"a source has no {path}"
        for path, values in expected.source_foreign.items():
            if any(_is_among(find(source, path), values) for source in sources):
                raise _foreign_source("")
        if fault:
            raise invalid(fault)

    def end(self) -> None:
        """
        The answer has ended.

        Raises:
            RequestFailed: A field that the contract compares was nowhere.
        """
        for path, name in self._expected.own.items():
            if path not in self._seen and self._house.value(name):
                raise invalid(f"{path} is missing or empty")
        for path in self._expected.equals:
            if path not in self._seen:
                raise invalid(f"{path} is missing")


def _foreign_source(name: str) -> RequestFailed:
    what = name.removesuffix("_id").replace("_", " ") if name.endswith("_id") else "house"
    return RequestFailed(Outcome.ISOLATION, f"a source belongs to another {what}")


def _is_among(value: Any, allowed: tuple[Scalar, ...]) -> bool:
    """Whether JSON's *value* is one of *allowed*; true and 1 are two values."""
    return any(value == one and isinstance(value, bool) is isinstance(one, bool) for one in allowed)


def invalid(message: str) -> RequestFailed:
    """An answer that is not what the contract describes."""
    return RequestFailed(Outcome.VALIDATION, message)

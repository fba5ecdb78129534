"""What a journey needs of the settings, and what it lacks, in one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from conf.errors import LoadTestError
from conf.loading import choice_name
from conf.operations import ALL, Journey
from conf.subject import parse_subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conf.contract import Contract
    from conf.operations import Operation
    from conf.settings import Settings


class Chosen(NamedTuple):
    """The journeys of a run, and what its user should know of them before."""

    journeys: tuple[Journey, ...]
    warnings: tuple[str, ...]


def choose_journeys(word: str, offered: Sequence[Journey], settings: Settings) -> Chosen:
    """
    The journeys that *word* names.

    Args:
        word: A journey; or ``all``: of those *offered* each that has a load and its requests, the others with a warning.
        offered: What there is a user class for.
        settings: With profile, contract and thresholds.

    Raises:
        LoadTestError: A journey was named that lacks what it needs; or each of them does.
    """
    named = tuple(offered) if word == ALL else (Journey(word),)
    lacks = {journey: list(_lacks(journey, settings)) for journey in named}
    ready = tuple(journey for journey in named if not lacks[journey])
    sentences = [f"{journey}: {sentence}" for journey in named for sentence in lacks[journey]]
    if not named:
        raise LoadTestError("no user class names a journey", "Name one in each: journey = Journey.CHAT")
    if sentences and (word != ALL or not ready):
        raise LoadTestError("; ".join(sentences), "How a journey is added: docs/extending.md")
    left_out = [f"{sentence}; it is left out" for sentence in sentences]
    return Chosen(ready, (*left_out, *(words for journey in ready for words in _unjudged(journey, settings))))


def undescribed(journey: Journey, contract: Contract) -> list[Operation]:
    """The requests of *journey* that the portal of *contract* does not have."""
    requests = [operation for operation in journey.operations if operation.is_portal_request]
    return [operation for operation in requests if operation not in contract.endpoints]


def _lacks(journey: Journey, settings: Settings) -> Iterator[str]:
    """What it cannot be run without."""
    if journey not in settings.profile.loads:
        yield f"profile {choice_name(settings.run.profile)} has no [{journey}], which says how much load it makes"
    if missing := undescribed(journey, settings.contract):
        contract = choice_name(settings.target.contract)
        yield f"contract {contract} does not describe {' and '.join(missing)}"


def _unjudged(journey: Journey, settings: Settings) -> Iterator[str]:
    subjects = map(parse_subject, settings.thresholds)
    if not any(subject.operation in journey.operations for subject in subjects):
        yield f"{journey}: no criterion names one of {', '.join(journey.operations)}; nothing of it is judged"

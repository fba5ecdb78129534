"""What a rule of advice is, and the groups of journeys that rules are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.operations import Destination, Journey

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.record import Verdict

OF_THE_PORTAL = tuple(journey for journey in Journey if journey.destination is Destination.PORTAL)
"""Journeys that ask the portal."""
OF_THE_DATABASE = tuple(journey for journey in Journey if journey.destination is Destination.DATABASE)
"""Journeys that ask its database."""


@dataclass(frozen=True, slots=True)
class AdviceRule:
    """
    Advice about one thing that can be seen in a run.

    Args:
        evidence: Returns what was seen, in words; an empty text where the rule does not apply.
        commands: ``{target}`` stands for the portal's address, ``{health}`` and ``{health_db}`` for its contract's pages,
            ``{journey}`` for the run's first journey, ``{since}`` for the run's beginning, ``{more_houses}`` for twice
            the run's houses, ``{run_log}`` for Locust's own log, ``{doc_chunks}`` for the table of chunks where the contract has no search of its own. A command that the run cannot fill is left out.
    """

    code: str
    title: str
    evidence: Callable[[Verdict], str]
    cause: str
    commands: tuple[str, ...]

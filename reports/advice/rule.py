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
    One thing that can be seen in a run.

    Args:
        evidence: What was seen, in words; empty where the rule stays silent.
        commands: ``{target}`` stands for the portal's address, ``{health}`` and ``{health_db}`` for its contract's pages,
            ``{journey}`` for the run's first journey, ``{since}`` for its beginning, ``{more_houses}`` for twice as many
            as it had, ``{run_log}`` for what Locust said. A command with a place for which the run has nothing is left out.
    """

    code: str
    title: str
    evidence: Callable[[Verdict], str]
    cause: str
    commands: tuple[str, ...]

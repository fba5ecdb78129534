"""From the steps of a run to the largest load at which the criteria hold."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from reports.record import Capacity
from reports.state import State
from reports.statistics.scalability import LoadLevel, fit_scalability, largest_holding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reports.rows import StepRow

_RANDOM_SEED = 17
"""Seed of the bootstrap, so that the same run is always judged the same."""


def build_capacities(steps: Iterable[StepRow]) -> list[Capacity]:
    """The capacity of each operation with judged steps; *steps* are in order, grouped by operation."""
    groups = [(operation, list(rows)) for operation, rows in groupby(steps, key=lambda row: row.operation)]
    return [
        Capacity(
            operation=operation,
            holds_up_to=largest_holding([(row.users or 0, _holds(row)) for row in rows]),
            fails_from=min((row.users or 0 for row in rows if _fails(row)), default=None),
            tried=tuple(sorted({row.users or 0 for row in rows})),
            scalability=fit_scalability(_levels(rows), random=np.random.default_rng(_RANDOM_SEED)),
        )
        for operation, rows in groups
        if all(row.state is not None and row.users for row in rows)
    ]


def _holds(row: StepRow) -> bool:
    return row.certain and row.state is State.PASS


def _fails(row: StepRow) -> bool:
    """A level that neither holds nor fails is undecided."""
    return row.certain and row.state in {State.WARN, State.FAIL}


def _levels(rows: Iterable[StepRow]) -> list[LoadLevel]:
    """The loads of the steps; results are taken to be independent, so their number scatters by its square root."""
    return [
        LoadLevel(row.users, row.per_second, math.sqrt(row.successes) / row.length_s)
        for row in rows
        if row.users and row.length_s and row.per_second is not None
    ]

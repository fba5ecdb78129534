"""What a criterion is about: ``operation[.outcome][@users]``, or a process."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from conf.operations import Operation, Outcome

PORTAL = "portal"
"""The portal's process."""
GENERATOR = "generator"
"""Each process that generates load; the worst of them is judged."""
MASTER = "master"
"""The process that owns a distributed run; it generates no load."""
PROCESSES = (PORTAL, GENERATOR)

_SUBJECT = re.compile(r"(?P<operation>[^.@]+)(?:\.(?P<outcome>[^.@]+))?(?:@(?P<users>[1-9]\d*))?")


class Subject(NamedTuple):
    """
    Some of a run's results.

    Args:
        operation: None for a process.
        outcome: Only results that ended so; None: the metric says which count.
        users: Only results of the step with so many users; None: of the whole run.
    """

    operation: Operation | None
    outcome: Outcome | None = None
    users: int | None = None


@cache
def parse_subject(text: str) -> Subject:
    """
    Read what a criterion is about.

    Raises:
        ValueError: It is about nothing that the suite knows; its text lists what there is.
    """
    if text in PROCESSES:
        return Subject(None)
    match = _SUBJECT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an operation, operation.outcome or operation@users")
    if match["operation"] not in set(Operation):
        allowed = ", ".join([*Operation, *PROCESSES])
        raise ValueError(f"{match['operation']!r} is not an operation; allowed: {allowed}")
    if match["outcome"] and match["outcome"] not in set(Outcome):
        raise ValueError(f"{match['outcome']!r} is not an outcome; allowed: {', '.join(Outcome)}")
    return Subject(
        Operation(match["operation"]),
        Outcome(match["outcome"]) if match["outcome"] else None,
        int(match["users"]) if match["users"] else None,
    )

"""The subject of a criterion: ``operation[.outcome][@users]``, a process, or rows of another project's CSV."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from conf.operations import Operation, Outcome

PORTAL = "portal"
"""The portal's process."""
GENERATOR = "generator"
"""Each process that generates load; the worst one is judged."""
MASTER = "master"
"""The process that owns a distributed run; it generates no load."""
LOCAL = "local"
"""The only process of a run that is not distributed: it owns the run and generates the load."""
PROCESSES = (PORTAL, GENERATOR)
AGGREGATED = "aggregated"
"""All requests of a CSV file together: the row that Locust calls ``Aggregated``."""

_ANY = "*"
_ROW_MARKS = re.compile(r"[\s/*]")
_SUBJECT = re.compile(r"(?P<operation>[^.@]+)(?:\.(?P<outcome>[^.@]+))?(?:@(?P<users>[1-9]\d*))?")


class Subject(NamedTuple):
    """
    Some of a run's results.

    Args:
        operation: None for a process, and for rows of a CSV file.
        outcome: Only results with this outcome; None: the metric decides which count.
        users: Only results of the step with so many users; None: of the whole run.
        rows: Rows of Locust's statistics, by name or by method and name, with ``*`` for any characters; or `AGGREGATED`.
            Empty for other subjects.
    """

    operation: Operation | None
    outcome: Outcome | None = None
    users: int | None = None
    rows: str = ""

    def names_row(self, method: str, name: str) -> bool:
        """Whether the subject includes this row; an exact spelling matches also where the name has a ``*``."""
        spelled = (name, f"{method} {name}")
        if self.rows in spelled:
            return True
        return _ANY in self.rows and any(_pattern(self.rows).fullmatch(text) for text in spelled)

    @property
    def is_pattern(self) -> bool:
        """Whether the subject may match several rows."""
        return _ANY in self.rows


def row_subject(method: str, name: str) -> str:
    """The subject that names exactly this row."""
    return f"{method or _ANY} {name}"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split(_ANY))), re.DOTALL)


@cache
def parse_subject(text: str) -> Subject:
    """
    Read the subject of a criterion.

    Raises:
        ValueError: There is no such subject; the text lists what is allowed.
    """
    if text in PROCESSES:
        return Subject(None)
    if text.lower() == AGGREGATED:
        return Subject(None, rows=AGGREGATED)
    if _ROW_MARKS.search(text):
        return Subject(None, rows=text)
    match = _SUBJECT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an operation, operation.outcome or operation@users")
    operation = match["operation"]
    if operation not in set(Operation):
        allowed = ", ".join([*Operation, *PROCESSES, AGGREGATED])
        raise ValueError(
            f"{operation!r} is not an operation; allowed: {allowed}. A row of another project's CSV is "
            f'written with its method, or with {_ANY} before it: "{_ANY} {operation}"'
        )
    if match["outcome"] and match["outcome"] not in set(Outcome):
        raise ValueError(f"{match['outcome']!r} is not an outcome; allowed: {', '.join(Outcome)}")
    return Subject(
        Operation(operation),
        Outcome(match["outcome"]) if match["outcome"] else None,
        int(match["users"]) if match["users"] else None,
    )

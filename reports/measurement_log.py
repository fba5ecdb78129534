"""``measurements.hlog``: the suite's own measurements, a standard HdrHistogram log with tags."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from monitoring.buckets import decode_histograms
from monitoring.measurement import Tag
from reports.record import Problem
from reports.series import Series
from reports.table import CODE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NUMBER = r"\d+(?:\.\d+)?"
_INTERVAL = re.compile(rf"Tag=([^,]+),({_NUMBER}),({_NUMBER}),[\d.]+,(\S+)")
"""Tag, start and length in seconds, longest in milliseconds, histogram."""
_BYTES_AT_ONCE = 1 << 22
_NEXT_STEP = "The figures below are what could still be read. Run the journey again for a verdict."

Measurements = dict[Tag, Series]


class _Line(NamedTuple):
    """One that names a tag and an interval; whether its histogram is whole is not yet known."""

    number: int
    start_s: float
    length_s: float
    payload: str


def load_measurements(path: Path, problems: list[Problem]) -> Measurements:
    """
    Merge all intervals of the log, per tag.

    hdrh's own reader passes silently over lines that it cannot parse; here each of them is a problem, and the
    rest is still returned.

    Args:
        path: The log; lines without a tag of this suite are damage, comments and the legend are not.
        problems: Receives what is wrong.
    """
    measurements: Measurements = {}
    damaged: list[int] = []
    read = 0
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            while lines := file.readlines(_BYTES_AT_ONCE):
                damaged += _add_lines(lines, read + 1, measurements)
                read += len(lines)
    except FileNotFoundError:
        problems.append(Problem(CODE, f"{path.name}: is missing", _NEXT_STEP))
        return {}
    except OSError as error:
        problems.append(Problem(CODE, f"{path.name}: cannot be read: {error.strerror}", _NEXT_STEP))
        return {}
    if not read:
        problems.append(Problem(CODE, f"{path.name}: is empty", _NEXT_STEP))
    if damaged:
        places = f"{path.name}: line {min(damaged)}: " + (
            f"this and {len(damaged) - 1} other lines are" if len(damaged) > 1 else "is"
        )
        problems.append(Problem(CODE, f"{places} damaged or cut off", _NEXT_STEP))
    return measurements


def _add_lines(lines: Iterable[str], first: int, measurements: Measurements) -> list[int]:
    """The numbers of the lines that could not be read; of those nothing is added."""
    by_tag: defaultdict[str, list[_Line]] = defaultdict(list)
    damaged = []
    for number, line in enumerate(lines, start=first):
        if match := _INTERVAL.fullmatch(line.strip()):
            tag, start, length, payload = match.groups()
            by_tag[tag].append(_Line(number, float(start), float(length), payload))
        elif line.strip() and not line.startswith(("#", '"')):
            damaged.append(number)
    for text, found in by_tag.items():
        try:
            tag = Tag.parse(text)
        except ValueError:
            damaged += [line.number for line in found]
            continue
        numbers, starts_s, lengths_s, payloads = zip(*found, strict=True)
        held, lost = decode_histograms(payloads)
        damaged += [numbers[place] for place in lost]
        measurements.setdefault(tag, Series()).add_intervals(starts_s, held, lengths_s)
    return damaged

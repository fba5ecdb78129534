"""``measurements.hlog``: the suite's own measurements, a standard HdrHistogram log with tags."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from monitoring.buckets import decode_histograms
from monitoring.measurement import Tag
from reports.record import Problem
from reports.series import Series
from reports.table import CODE

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER = r"\d+(?:\.\d+)?"
_LINE = re.compile(
    rf"^(?:Tag=([^,\n]+),({_NUMBER},{_NUMBER}),[\d.]+,(\S+)|[#\"].*|)[^\S\n]*$", re.ASCII | re.MULTILINE
)
"""Tag, start and length in seconds, longest in milliseconds, histogram; or a comment, the legend, or nothing."""
_AT_ONCE = 1 << 22
"""Characters."""
_NEXT_STEP = "The figures below are what could still be read. Run the journey again for a verdict."

Measurements = dict[Tag, Series]


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
        with path.open(encoding="ascii", errors="replace", newline="\n") as file:
            while text := file.read(_AT_ONCE) + file.readline():
                damaged += _add_text(text, read + 1, measurements)
                read += text.count("\n")
    except FileNotFoundError:
        problems.append(Problem(CODE, f"{path.name}: is missing", _NEXT_STEP))
        return {}
    except OSError as error:
        problems.append(Problem(CODE, f"{path.name}: cannot be read: {error.strerror}", _NEXT_STEP))
        return {}
    if not path.stat().st_size:
        problems.append(Problem(CODE, f"{path.name}: is empty", _NEXT_STEP))
    if damaged:
        places = f"{path.name}: line {min(damaged)}: " + (
            f"this and {len(damaged) - 1} other lines are" if len(damaged) > 1 else "is"
        )
        problems.append(Problem(CODE, f"{places} damaged or cut off", _NEXT_STEP))
    return measurements


def _add_text(text: str, first: int, measurements: Measurements) -> list[int]:
    """Add whole lines; returns the numbers of those that could not be read, of which nothing is added."""
    text = text.removesuffix("\n")
    numbers, found = range(first, first + text.count("\n") + 1), _LINE.findall(text)
    damaged: list[int] = []
    if len(found) < len(numbers):
        whole = [_LINE.fullmatch(line) for line in text.split("\n")]
        damaged = [number for number, match in zip(numbers, whole, strict=True) if match is None]
        found = [("",) if match is None else match.groups("") for match in whole]
    by_tag: defaultdict[str, list[int]] = defaultdict(list)
    for place, parts in enumerate(found):
        by_tag[parts[0]].append(place)
    by_tag.pop("", None)
    # All lines of an interval have the same.
    times_s = {
        times: tuple(map(float, times.split(","))) for times in {parts[1] for parts in found if parts[0]}
    }
    for text_of_tag, places in by_tag.items():
        try:
            tag = Tag.parse(text_of_tag)
        except ValueError:
            damaged += [numbers[place] for place in places]
            continue
        held, lost = decode_histograms([found[place][2] for place in places])
        damaged += [numbers[places[one]] for one in lost]
        starts_s, lengths_s = zip(*(times_s[found[place][1]] for place in places), strict=True)
        measurements.setdefault(tag, Series()).add_intervals(starts_s, held, lengths_s)
    return damaged

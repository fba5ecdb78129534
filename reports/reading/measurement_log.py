"""``measurements.hlog``: the suite's own measurements, a standard HdrHistogram log with tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from conf.input_file import open_file
from monitoring.buckets import decode_histograms
from monitoring.measurement import Tag
from reports.problem import Problem, ProblemCode
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_NUMBER = r"\d{1,12}(?:\.\d{1,12})?"
_NUMBERS = re.compile(rf"(?:{_NUMBER},)+", re.ASCII)
_DIGITS = re.compile(r"[\d.]+", re.ASCII)
_NAME = "Tag="
_LINE = re.compile(
    rf"({_NAME}[^,]+),({_NUMBER}),({_NUMBER}),{_DIGITS.pattern},([^\s,]+)\s*|[#\"].*|\s*", re.ASCII
)
"""A line: tag, start and length in seconds, longest in milliseconds, histogram; or a comment, the legend, or nothing."""
_BREAK, _SPACES = "\n", " \t\r\f\v"
_AT_ONCE = 1 << 22
"""Bytes that are read at once."""
_NEXT_STEP = "The figures below are what could still be read. Run the journey again for a verdict."

Measurements = dict[Tag, Series]


def load_measurements(path: Path, problems: list[Problem]) -> Measurements:
    """
    Merge all intervals of the log, per tag.

    hdrh's own reader silently skips lines that it cannot parse. Here each such line is a problem, and the results of
    the other lines are still returned.

    Args:
        path: The log. A line without a tag of this suite is damage, except for comments and the legend.
        problems: Receives the problems of the log.
    """
    measurements: Measurements = {}
    damaged: list[int] = []
    read = 0
    try:
        with open_file(path) as file:
            while text := (file.read(_AT_ONCE) + file.readline(_AT_ONCE)).decode("ascii", errors="replace"):
                damaged += _add_text(text, read + 1, measurements)
                read += text.count("\n")
    except FileNotFoundError:
        problems.append(Problem(ProblemCode.DAMAGED_FILE, f"{path.name}: is missing", _NEXT_STEP))
        return {}
    except OSError as error:
        problems.append(
            Problem(ProblemCode.DAMAGED_FILE, f"{path.name}: cannot be read: {error.strerror}", _NEXT_STEP)
        )
        return {}
    if not path.stat().st_size:
        problems.append(Problem(ProblemCode.DAMAGED_FILE, f"{path.name}: is empty", _NEXT_STEP))
    if damaged:
        places = f"{path.name}: line {min(damaged)}: " + (
            f"this and {len(damaged) - 1} other lines are" if len(damaged) > 1 else "is"
        )
        problems.append(Problem(ProblemCode.DAMAGED_FILE, f"{places} damaged or cut off", _NEXT_STEP))
    return measurements


class _Lines(NamedTuple):
    """Lines with one histogram each, column by column; *numbers* are their line numbers in the file."""

    numbers: Sequence[int]
    tags: Sequence[str]
    starts: Sequence[str]
    lengths: Sequence[str]
    payloads: Sequence[str]


def _add_text(text: str, first: int, measurements: Measurements) -> list[int]:
    """Add whole lines; returns the numbers of lines that could not be read, of which nothing is added."""
    text = text.removesuffix(_BREAK)
    damaged: list[int] = []
    if (lines := _plain_lines(text, first)) is None:
        lines, damaged = _any_lines(text, first)
    starts_s, lengths_s = _parse_numbers(lines.starts), _parse_numbers(lines.lengths)
    names = {name: place for place, name in enumerate(dict.fromkeys(lines.tags))}
    which = np.fromiter(map(names.__getitem__, lines.tags), dtype=np.int64)
    for name, place in names.items():
        here = np.flatnonzero(which == place)
        rows = here.tolist()
        try:
            tag = Tag.parse(name.removeprefix(_NAME))
        except ValueError:
            damaged += [lines.numbers[row] for row in rows]
            continue
        held, lost = decode_histograms([lines.payloads[row] for row in rows])
        damaged += [lines.numbers[rows[one]] for one in lost]
        if len(held.places):
            measurements.setdefault(tag, Series()).add_intervals(starts_s[here], held, lengths_s[here])
    return damaged


def _plain_lines(text: str, first: int) -> _Lines | None:
    """Lines with nothing but histograms, read three times as quickly; None where a line is in doubt."""
    cells = text.replace(_BREAK, f",{_BREAK},").split(",")
    tags, starts, lengths, longest, payloads, breaks = (cells[place::6] for place in range(6))
    is_plain = (
        len(payloads) == len(breaks) + 1
        and set(breaks) <= {_BREAK}
        and all(name.startswith(_NAME) for name in set(tags))
        and _NUMBERS.fullmatch(",".join([*{*starts, *lengths}, ""]))
        and all(longest)
        and _DIGITS.fullmatch("".join(longest))
        and not any(space in text for space in _SPACES)
    )
    return _Lines(range(first, first + len(tags)), tags, starts, lengths, payloads) if is_plain else None


def _any_lines(text: str, first: int) -> tuple[_Lines, list[int]]:
    """Lines of any kind, read one at a time; also returns the numbers of damaged lines."""
    matches = [(number, _LINE.fullmatch(line)) for number, line in enumerate(text.split(_BREAK), first)]
    found = [(number, *match.groups()) for number, match in matches if match and match[1]]
    columns = zip(*found, strict=True) if found else [()] * len(_Lines._fields)
    return _Lines(*columns), [number for number, match in matches if match is None]


def _parse_numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """The texts as numbers, each distinct text parsed once: all lines of an interval have the same."""
    values = {text: float(text) for text in set(texts)}
    return np.fromiter(map(values.__getitem__, texts), dtype=np.float64)

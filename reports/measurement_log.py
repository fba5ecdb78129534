"""``measurements.hlog``: the suite's own measurements, a standard HdrHistogram log with tags."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException

from monitoring.measurement import Tag
from reports.distribution import Distribution
from reports.record import Problem
from reports.series import Series
from reports.table import CODE

if TYPE_CHECKING:
    from pathlib import Path

_INTERVAL = re.compile(
    r"Tag=(?P<tag>[^,]+),(?P<start>\d+(?:\.\d+)?),(?P<length>\d+(?:\.\d+)?),[\d.]+,(?P<payload>\S+)"
)
"""Tag, start and length in seconds, longest in milliseconds, histogram."""

_DAMAGES = (
    HdrCookieException,
    HdrHistogramSettingsException,
    HdrLengthException,
    IndexError,  # values outside of the suite's range
    TypeError,  # the decoder, on an empty payload
    ValueError,  # not a tag of this suite, or not base64
    zlib.error,
)

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
    next_step = "The figures below are what could still be read. Run the journey again for a verdict."
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        problems.append(Problem(CODE, f"{path.name}: is missing", next_step))
        return {}
    except OSError as error:
        problems.append(Problem(CODE, f"{path.name}: cannot be read: {error.strerror}", next_step))
        return {}
    measurements: Measurements = {}
    damaged = [
        number for number, line in enumerate(lines, start=1) if not _add_line(line.strip(), measurements)
    ]
    if not lines:
        problems.append(Problem(CODE, f"{path.name}: is empty", next_step))
    if damaged:
        places = f"{path.name}: line {damaged[0]}: " + (
            f"this and {len(damaged) - 1} other lines are" if len(damaged) > 1 else "is"
        )
        problems.append(Problem(CODE, f"{places} damaged or cut off", next_step))
    return measurements


def _add_line(line: str, measurements: Measurements) -> bool:
    """Whether *line* could be read; nothing is added where it could not."""
    if not line or line.startswith(("#", '"')):
        return True
    match = _INTERVAL.fullmatch(line)
    if match is None:
        return False
    try:
        tag = Tag.parse(match["tag"])
        interval = Distribution()
        interval.add_encoded(match["payload"])
    except _DAMAGES:
        return False
    measurements.setdefault(tag, Series()).add(float(match["start"]), interval, float(match["length"]))
    return True

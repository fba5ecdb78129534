"""
The files of a log: the current segment, ``errors.jsonl``, and the closed segments, such as ``errors.000017.jsonl``.

Each begins with a header, a line with its number, when it began, and the size of the segment before it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEADER_KIND = "segment"
"""``kind`` of a header; records have other kinds."""
LONGEST_HEADER = 300
_CLOSED = re.compile(r"(?P<name>[a-z]+)\.(?P<number>[0-9]{6,})\.jsonl")


@dataclass(frozen=True, slots=True)
class Header:
    """
    A segment's first line.

    Args:
        number: From 1; the current segment has the highest.
        began: In seconds since the epoch.
        previous_bytes: Size of the segment before it, when it was closed; None where there was none.
    """

    number: int
    began: float
    previous_bytes: int | None = None

    def line(self) -> bytes:
        """The header as a line of the file."""
        fields = {
            "time": timestamp(self.began),
            "kind": HEADER_KIND,
            "number": self.number,
            "previous_bytes": self.previous_bytes,
        }
        return json.dumps(fields).encode("ascii") + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Header | None:
        """Read a header; None where *line* is something else."""
        try:
            fields = json.loads(line)
            if fields["kind"] != HEADER_KIND:
                return None
            began, number, previous = parse_moment(fields["time"]), fields["number"], fields["previous_bytes"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        is_whole = began is not None and _is_count(number) and (previous is None or _is_count(previous))
        return cls(number, began, previous) if is_whole and began is not None else None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def parse_moment(text: object) -> float | None:
    """Seconds since the epoch of a moment, spelled as in records; None where *text* is not such a moment."""
    try:
        return datetime.fromisoformat(text).timestamp()  # type: ignore[arg-type]  # raises TypeError for other types
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def timestamp(seconds: float) -> str:
    """A time as all records spell it: UTC, with milliseconds; texts sort as the times do."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def current_path(directory: Path, name: str) -> Path:
    """Path of the current segment, which has the newest records."""
    return directory / f"{name}.jsonl"


def closed_path(directory: Path, name: str, number: int) -> Path:
    """Path of a segment after it has been closed."""
    return directory / f"{name}.{number:06}.jsonl"


def closed_segments(directory: Path, name: str) -> list[tuple[int, Path]]:
    """Number and file of all closed segments, oldest first; none where there is no directory."""
    try:
        paths = list(directory.iterdir())
    except OSError:
        return []
    found = ((_CLOSED.fullmatch(path.name), path) for path in paths)
    return sorted((int(match["number"]), path) for match, path in found if match and match["name"] == name)

"""
The files of a log: the current segment, ``errors.jsonl``, and beside it those that were closed, ``errors.000017.jsonl``.

Each begins with a line about itself, its header: its number, when it began, and how large the one before it was.
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
"""The ``kind`` of headers; records have another one."""
LONGEST_HEADER = 300
_CLOSED = re.compile(r"(?P<name>[a-z]+)\.(?P<number>[0-9]{6,})\.jsonl")


@dataclass(frozen=True, slots=True)
class Header:
    """
    A segment's first line.

    Args:
        number: From 1; the current segment has the highest.
        began: In seconds since the epoch.
        previous_bytes: Size of the segment before it when that was closed; None where there was none.
    """

    number: int
    began: float
    previous_bytes: int | None = None

    def line(self) -> bytes:
        """As it stands in the file."""
        fields = {
            "time": timestamp(self.began),
            "kind": HEADER_KIND,
            "number": self.number,
            "previous_bytes": self.previous_bytes,
        }
        return json.dumps(fields).encode("ascii") + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Header | None:
        """Read it back; None where *line* is something else."""
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
    """Seconds since the epoch of a moment as records spell it; None where *text* is none that can be counted with."""
    try:
        return datetime.fromisoformat(text).timestamp()  # type: ignore[arg-type]  # a TypeError for what is no text
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as all records spell it: UTC, milliseconds; texts sort as the moments do."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def current_path(directory: Path, name: str) -> Path:
    """Where the newest records are."""
    return directory / f"{name}.jsonl"


def closed_path(directory: Path, name: str, number: int) -> Path:
    """Where a segment goes when it is closed."""
    return directory / f"{name}.{number:06}.jsonl"


def closed_segments(directory: Path, name: str) -> list[tuple[int, Path]]:
    """Number and file of all closed segments, oldest first; none where there is no directory."""
    try:
        paths = list(directory.iterdir())
    except OSError:
        return []
    found = ((_CLOSED.fullmatch(path.name), path) for path in paths)
    return sorted((int(match["number"]), path) for match, path in found if match and match["name"] == name)

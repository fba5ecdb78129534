"""Checks that every record of a log is there; segments and sequence numbers show what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitoring.journal.reading import parse_record, segments
from monitoring.journal.segments import Header

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.journal.reading import Record, Segment


@dataclass(slots=True)
class Proof:
    """
    Result of the check.

    Args:
        records: Number of records.
        segments: Number of files.
        removed: Number of earlier segments, removed for their age.
        lost: Number of records that their writers report as not written.
        missing: A sentence for each thing that should be there and is not.
    """

    records: int = 0
    segments: int = 0
    removed: int = 0
    lost: int = 0
    missing: list[str] = field(default_factory=list)
    _last: dict[str, int] = field(default_factory=dict)

    @property
    def writers(self) -> int:
        """Number of writers of the log."""
        return len(self._last)

    @property
    def is_whole(self) -> bool:
        """Whether every record that was written is there, once."""
        return not self.missing

    def add_segment(self, segment: Segment, before: Segment | None) -> None:
        """Check the next segment; *before* is the segment before it."""
        self.segments += 1
        if before is None:
            self.removed = segment.number - 1
        elif segment.number != before.number + 1:
            self.missing.append(f"segments {before.number + 1} to {segment.number - 1} are not there")
        elif segment.header is not None and segment.header.previous_bytes not in (None, before.size):
            wanted = segment.header.previous_bytes
            self.missing.append(
                f"{before.path.name}: has {before.size:,} bytes, and had {wanted:,} when it was closed"
            )
        for number, (line, _) in enumerate(segment.lines(), start=1):
            if number == 1 and Header.parse(line) is not None:
                continue
            self._add_line(line, f"{segment.path.name}:{number}")

    def _add_line(self, line: bytes, place: str) -> None:
        record = parse_record(line)
        if record is None or not isinstance(record.get("sequence"), int):
            self.missing.append(f"{place}: is not a record")
            return
        self.records += 1
        self._add_record(record, place)

    def _add_record(self, record: Record, place: str) -> None:
        writer, sequence = str(record.get("writer")), int(record["sequence"])
        lost = record.get("lost_before", 0)
        before = self._last.get(writer)
        self._last[writer] = sequence
        if before is None and self.removed:
            return  # its earlier records were in segments that have been removed
        gap = sequence - (before or 0) - 1
        self.lost += min(gap, lost) if gap > 0 else 0
        if gap < 0:
            self.missing.append(f"{place}: writer {writer} has {sequence} after {before}")
        elif gap > lost:
            first = sequence - gap
            self.missing.append(
                f"{place}: writer {writer} lacks {gap - lost} records between {first} and {sequence}"
            )


def prove(directory: Path, name: str) -> Proof:
    """Check all segments of a log. Meanwhile records may be written, and old segments removed."""
    while True:
        proof, before = Proof(), None
        for segment in segments(directory, name):
            proof.add_segment(segment, before)
            before = segment
        oldest = next(iter(segments(directory, name)), None)
        if oldest is None or not proof.segments or oldest.number <= proof.removed + 1:
            return proof

"""Finds the CSV files of one Locust run in a directory by their headers: file names differ between versions."""

from __future__ import annotations

import csv
import io
import re
import shlex
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import LoadTestError
from reports.reading.decoding import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HEADER_BYTES = 65_536
_LONGEST_HEADER = 10_000
_MOST_NAMED = 5
_WORDS = re.compile(r"requests|stats|failures|exceptions|distribution|report|\d+(?:\.\d+)?|[\W_]+")
"""Removed from a file's name to compare runs; each download from the web UI has a time of its own in its name."""


class Content(Enum):
    """What a CSV file of Locust holds."""

    STATS = auto()
    FAILURES = auto()
    EXCEPTIONS = auto()
    HISTORY = auto()
    DISTRIBUTION = auto()
    """Percentiles, which Locust before 0.14 wrote into a file of their own."""
    SAVED_ANEW = auto()
    """Statistics with other separators than commas, as spreadsheets write them."""


class CsvFiles(NamedTuple):
    """The files of one run; a missing file is None, or a path where no file is."""

    stats: Path
    failures: Path
    exceptions: Path
    distribution: Path | None = None


def find_csv_files(run_dir: Path) -> CsvFiles:
    """
    Find the CSV files of the one Locust run in a directory.

    Raises:
        LoadTestError: The directory holds no run or several, or a spreadsheet has saved the files anew.
    """
    found: dict[Content, list[Path]] = {content: [] for content in Content}
    for path in sorted(run_dir.iterdir()):
        if path.suffix.lower() == ".csv" and path.is_file() and (content := _content(path)) is not None:
            found[content].append(path)
    distributions = found[Content.DISTRIBUTION]
    match found[Content.STATS]:
        case [stats]:
            return CsvFiles(
                stats,
                _belonging(stats, found[Content.FAILURES], "failures"),
                _belonging(stats, found[Content.EXCEPTIONS], "exceptions"),
                _belonging(stats, distributions, "distribution") if distributions else None,
            )
        case []:
            raise _no_statistics(run_dir, found)
        case several:
            raise LoadTestError(
                f"{run_dir}: holds the CSV files of several Locust runs: {_listed(several)}",
                f"Judge one at a time: mkdir /tmp/run && cp {shlex.quote(str(run_dir))}/{_shared_name(several[0])} /tmp/run && "
                "loadtest report /tmp/run",
            )


def header_content(names: Iterable[str]) -> Content | None:
    """What a CSV file with these columns holds; None if it is not a file of Locust."""
    columns = {name.strip().lower() for name in names}
    if "timestamp" in columns and "user count" in columns:
        return Content.HISTORY
    if "name" in columns and columns & {"request count", "# requests"}:
        return Content.STATS if columns & {"failure count", "# failures"} else Content.DISTRIBUTION
    if {"method", "name", "error", "occurrences"} <= columns:
        return Content.FAILURES
    if {"count", "message", "traceback"} <= columns:
        return Content.EXCEPTIONS
    return None


def _content(path: Path) -> Content | None:
    named_stats = path.name.endswith("_stats.csv")  # its damage is reported when it is read
    try:
        with path.open("rb") as file:
            text = decode_text(file.read(_HEADER_BYTES), cut=True)
    except (OSError, UnicodeDecodeError):
        return Content.STATS if named_stats else None
    first = text.partition("\n")[0].rstrip("\r")
    content = header_content(next(csv.reader(io.StringIO(first[:_LONGEST_HEADER])), []))
    if content is None and (header_content(first.split(";")) or header_content(first.split("\t"))):
        return Content.SAVED_ANEW
    return Content.STATS if named_stats and content is not Content.HISTORY else content


def _belonging(stats: Path, candidates: list[Path], word: str) -> Path:
    """The candidate that belongs to the statistics; without one, the path that it would have."""
    if len(candidates) == 1:
        return candidates[0]
    same = [path for path in candidates if _WORDS.sub("", path.stem) == _WORDS.sub("", stats.stem)]
    expected = stats.with_name(re.sub(r"stats|requests|report", word, stats.name))
    return expected if expected in candidates or len(same) != 1 else same[0]


def _no_statistics(run_dir: Path, found: dict[Content, list[Path]]) -> LoadTestError:
    if anew := found[Content.SAVED_ANEW]:
        return LoadTestError(
            f"{anew[0]}: is not as Locust writes it: a spreadsheet has saved it with other separators than commas",
            "Name a directory with the files as Locust wrote them: locust --csv, or Download Data in its web UI.",
        )
    seen = [path for paths in found.values() for path in paths]
    held = f"; it holds {_listed(seen)}, which say nothing of the requests as a whole" if seen else ""
    return LoadTestError(
        f"{run_dir}: holds neither a run of this suite nor the statistics of a Locust run (…_stats.csv or "
        f"requests_….csv){held}",
        "Name a run directory (ls runs), or a directory that locust --csv wrote to. Results of other programs than "
        "Locust cannot be judged.",
    )


def _listed(paths: list[Path]) -> str:
    names = [path.name for path in paths]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _shared_name(stats: Path) -> str:
    """A shell pattern for all files of a run; for the statistics alone if their name has no common beginning."""
    prefix = stats.name.removesuffix("_stats.csv")
    return shlex.quote(f"{prefix}_") + "*.csv" if prefix != stats.name else shlex.quote(stats.name)

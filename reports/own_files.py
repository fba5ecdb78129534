"""Where the files about a run go: into its directory, and never over a file that this suite did not write."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.input_file import MOST_BYTES, open_file
from conf.own_file import is_free
from conf.run_directory import MANIFEST, MEASUREMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VERDICT_FILE = "verdict.json"
JUNIT_FILE = "junit.xml"
SUMMARY_FILE = "summary.md"
REPORT_FILE = "report.html"
COMPARISON_FILE = "comparison.json"
OUTPUT_DIR = "verdict"
"""The directory for the suite's files within a directory of another project."""

_STATE = rb"(PASS|WARN|FAIL|NO VERDICT)"
_MARKS = {
    VERDICT_FILE: re.compile(rb'\A\{\s*"format": \d+,\s*"state": "' + _STATE + rb'",\s*"headline": '),
    JUNIT_FILE: re.compile(rb'<testsuites name="loadtest" '),
    SUMMARY_FILE: re.compile(rb"\A## \S+ " + _STATE + rb": "),
    REPORT_FILE: re.compile(
        rb"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\s*"
        rb"<title>" + _STATE + rb": "
    ),
    COMPARISON_FILE: re.compile(rb'\A\{\s*"format": \d+,\s*"change": "'),
}
"""What each file holds in every version of the suite."""
_OF_OUR_MANIFEST = frozenset({"run_id", "journeys"})
_OF_DAMAGED_MANIFEST = re.compile(rb'"run_id"|"journeys"')
"""What is still found in a manifest that is cut off or otherwise no longer JSON."""


def is_own_run(run_dir: Path) -> bool:
    """Whether this suite made the run, damaged or not; web applications have a ``manifest.json`` of their own."""
    if (run_dir / MEASUREMENTS).exists():
        return True
    try:
        with open_file(run_dir / MANIFEST) as file:
            content = file.read(MOST_BYTES)
    except OSError:
        return False
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return _OF_DAMAGED_MANIFEST.search(content) is not None
    return isinstance(values, dict) and values.keys() >= _OF_OUR_MANIFEST


def output_directory(run_dir: Path, names: Iterable[str], *, own: bool) -> Path:
    """
    The directory in which files of these names may be written about a run; it exists afterwards.

    Args:
        run_dir: The directory of the run.
        names: Names of the files.
        own: Whether this suite made the run.

    Returns:
        The run directory, if the suite made the run and all of these files that exist; otherwise ``verdict`` within
        it.

    Raises:
        LoadTestError: ``verdict`` holds such a file of another program too, or cannot be made.
    """
    names = tuple(names)
    if own and _foreign(run_dir, names) is None:
        return run_dir
    chosen = run_dir / OUTPUT_DIR
    instead = "" if own else _copy_advice(run_dir)  # a run of the suite is more than its CSV files
    if chosen.is_symlink() or (chosen.exists() and not chosen.is_dir()):
        raise _taken(chosen, instead)
    if foreign := _foreign(chosen, names):
        raise _taken(foreign, instead)
    try:
        chosen.mkdir(exist_ok=True)
    except OSError as error:
        next_step = instead or f"Let this user write there: ls -ld {shlex.quote(str(run_dir))}"
        raise LoadTestError(f"{chosen}: cannot be made: {error.strerror}", next_step) from error
    return chosen


def _foreign(directory: Path, names: Iterable[str]) -> Path | None:
    """The first of these files that this suite did not write; a link counts, since the suite makes none."""
    for name in names:
        path = directory / name
        try:
            if path.is_symlink() or not is_free(path, _MARKS[name]):
                return path
        except OSError:
            return path
    return None


def _taken(path: Path, instead: str) -> LoadTestError:
    return LoadTestError(
        f"{path}: was not written by this suite, and is not overwritten",
        f"Move it away, or {instead[0].lower()}{instead[1:]}"
        if instead
        else "Move it away, and judge again.",
    )


def _copy_advice(run_dir: Path) -> str:
    copied = f"cp {shlex.quote(str(run_dir))}/*.csv /tmp/run"
    return f"Judge a copy of the CSV files: mkdir /tmp/run && {copied} && loadtest report /tmp/run"

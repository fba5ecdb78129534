"""Finds the baseline that the user names: by its name, as a file, or as a run, which is judged first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from reports.baselines.baseline_file import NAME, baseline_path, load_baseline
from reports.baselines.reduction import NotComparableError, build_baseline
from reports.reading.run_files import load_run
from reports.state import State
from reports.verdict import judge_run
from reports.wording.sentences import reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reports.baselines.baseline import Baseline, Machine


def reduce_run(run_dir: Path, name: str, machine: Machine) -> Baseline:
    """
    Judge a run and reduce it to a baseline.

    Raises:
        NotComparableError: The run is NO VERDICT, or cannot be compared.
        LoadTestError: *run_dir* does not hold exactly one run.
    """
    run, verdict = load_run(run_dir), judge_run(run_dir)
    if run.own and verdict.state is State.NO_VERDICT:
        raise NotComparableError(
            f"{run_dir}: is NO VERDICT, so its figures answer nothing: {reason(verdict)}",
            f"Put that right and run the journey again; all of it: loadtest report {run_dir}",
        )
    return build_baseline(run, name, machine)


def find_baseline(text: str, directories: Iterable[Path], machine: Machine) -> Baseline:
    """
    The baseline that *text* means: the first with that name; otherwise the file, or the run, at that path.

    Args:
        text: What the user typed.
        directories: Directories in which a name is looked up.
        machine: This machine, which is noted where *text* is a run.

    Raises:
        NotComparableError: *text* is a run that cannot be compared.
        LoadTestError: There is no such baseline, or it is damaged.
    """
    searched = list(directories)
    if NAME.fullmatch(text):
        for directory in searched:
            if os.path.isfile(path := baseline_path(directory, text)):  # noqa: PTH113 - unlike Path's, never raises
                return load_baseline(path)
    path = Path(text)
    if os.path.isdir(path):  # noqa: PTH112 - as above
        return reduce_run(path, path.resolve().name, machine)
    if os.path.exists(path):  # noqa: PTH110 - as above; a pipe is refused by its reader
        return load_baseline(path)
    known = sorted({found.stem for directory in searched for found in directory.glob("*.json")})
    raise LoadTestError(
        f"BASELINE: {text!r} is neither a baseline ({', '.join(known) or 'there are none yet'}), nor a file, "
        "nor a run directory",
        "Save one: loadtest baseline save RUN_DIR NAME",
    )

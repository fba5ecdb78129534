"""The files about a run, rendered from its verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conf.errors import LoadTestError, NoVerdictError
from reports.broken import broken_verdict
from reports.output import write_text
from reports.own_files import JUNIT_FILE, REPORT_FILE, SUMMARY_FILE, VERDICT_FILE, output_directory
from reports.problem import ProblemCode
from reports.rendering.html_page import render_html
from reports.rendering.json_file import render_json
from reports.rendering.junit_file import render_junit
from reports.rendering.summary import render_summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reports.record import Verdict

_OUTPUTS: dict[str, Callable[[Verdict], str]] = {
    VERDICT_FILE: render_json,
    JUNIT_FILE: render_junit,
    SUMMARY_FILE: render_summary,
    REPORT_FILE: render_html,
}


def write_reports(verdict: Verdict, run_dir: Path) -> Path:
    """
    Write the record's files, the report last; each is complete or not there.

    The files go into the run directory. If it is another project's, or holds such a file of another program, they go
    into ``verdict`` within it.

    Returns:
        The path of the report.

    Raises:
        NoVerdictError: The verdict cannot be rendered; the files say so.
        LoadTestError: The directory cannot be written to, or ``verdict`` holds such a file of another program.
    """
    try:
        rendered = {name: render(verdict) for name, render in _OUTPUTS.items()}
    except Exception as error:
        if any(problem.code == ProblemCode.UNEXPECTED for problem in verdict.problems):
            raise  # not even the broken verdict can be rendered
        broken = replace(broken_verdict(verdict.run_id, verdict.problems, error), own=verdict.own)
        write_reports(broken, run_dir)
        raise NoVerdictError(broken.problems[-1].message, broken.problems[-1].next_step) from None
    directory = output_directory(run_dir, rendered, own=verdict.own)
    for name, text in rendered.items():
        write_text(directory / name, text)
    return directory / REPORT_FILE


def write_what_fits(verdict: Verdict, run_dir: Path) -> None:
    """Like `write_reports`, on a full disk: a file that cannot be written is removed, so that no old one is left."""
    try:
        directory = output_directory(run_dir, _OUTPUTS, own=verdict.own)
    except LoadTestError:
        return
    for name, render in _OUTPUTS.items():
        try:
            write_text(directory / name, render(verdict))
        except LoadTestError:
            (directory / name).unlink(missing_ok=True)

"""The finish of a run: its results are counted and written, and it is judged."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from conf.errors import LoadTestError, NoVerdictError
from conf.operations import Operation
from conf.run_directory import RUN_DIR_VARIABLE
from monitoring.journal.run_errors import copy_errors
from monitoring.redaction.clean_console import CleanConsole
from reports.manifest_file import render_manifest
from reports.problem import ProblemCode
from swarm.owner.manifest import build_manifest
from swarm.provenance import recorded_settings

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from reports.record import Verdict
    from swarm.owner.run import Run

_log = logging.getLogger(__name__)


def finish_run(run: Run) -> Verdict:
    """
    Write the run's files, judge it, and print the verdict unless the parent process prints it.

    Raises:
        NoVerdictError: The verdict cannot be rendered.
    """
    ended_at = run.finish()
    _check_counts(run)
    _check_houses(run)
    for error in run.files.close(ended_at):
        run.note_unwritten(error)
    settings = run.choice.settings
    copy_errors(settings.monitoring.log_dir, run.directory, run.run_id, run.clock.wall_span())
    verdict, report = _judge(run, ended_at)
    if RUN_DIR_VARIABLE not in os.environ:
        from reports.rendering.terminal import print_verdict  # noqa: PLC0415 - as below

        print_verdict(CleanConsole(), verdict, report, strict=settings.run.strict)
    return verdict


def _judge(run: Run, ended_at: datetime) -> tuple[Verdict, Path | None]:
    """The verdict, and its report's path; on a full disk there is no report."""
    # pandas takes a second to import. Only the owner needs it, and only after the load.
    from reports.report_files import write_reports, write_what_fits  # noqa: PLC0415
    from reports.verdict import judge_run  # noqa: PLC0415

    try:
        run.files.write_manifest(_manifest_text(run, ended_at))
        verdict = judge_run(run.directory)
        return verdict, write_reports(verdict, run.directory)
    except NoVerdictError:
        raise
    except LoadTestError as unwritten:
        _log.error("%s", unwritten)
        run.note_problem(ProblemCode.NOT_WRITTEN, unwritten.message)
        run.files.rewrite_manifest(_manifest_text(run, ended_at))
        verdict = judge_run(run.directory)
        write_what_fits(verdict, run.directory)
        return verdict, None


def _manifest_text(run: Run, ended_at: datetime) -> str:
    return render_manifest(build_manifest(run, ended_at), recorded_settings(run.choice.settings))


def _check_counts(run: Run) -> None:
    """Check that begun, ended, recorded and received agree for each process. A lost one is a problem of its own."""
    for process, contribution in run.processes.items():
        attempts = contribution.last.attempts if contribution.last and not contribution.lost else {}
        for operation, (begun, ended) in attempts.items():
            if begun != ended:
                run.note_problem(
                    ProblemCode.UNACCOUNTED,
                    f"{process} began {operation} {begun:,} times and has {ended:,} results",
                    f"{process}/{operation}",
                )
        recorded = contribution.last.recorded if contribution.last else 0
        if recorded != contribution.received and not contribution.lost:
            run.note_problem(
                ProblemCode.NOT_RECONCILED,
                f"{process} recorded {recorded:,} results, {contribution.received:,} arrived",
                process,
            )
    if run.users.peak < run.users.wanted:
        run.note_problem(
            ProblemCode.FEWER_USERS,
            f"{run.users.wanted:,} users were asked for, at most {run.users.peak:,} ran at once",
        )


def _check_houses(run: Run) -> None:
    """Note that houses were onboarded again, where a house is onboarded once: where an answer says that a token is spent."""
    at, loads = run.dealer.reused_at, run.choice.settings.profile.loads
    resolving = run.choice.settings.contract.endpoints.get(Operation.ONBOARDING_RESOLVE)
    if resolving is None or not any(answer.spent for answer in resolving.accepted):
        return
    if at and not any(loads[journey].reuse_houses for journey in run.choice.journeys if journey in loads):
        run.note_problem(
            ProblemCode.FIXTURE_EXHAUSTED,
            f"all {len(run.dealer):,} houses had been onboarded, and were onboarded again: no new homeowners",
            at=at,
        )

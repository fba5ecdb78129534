"""``loadtest report``: judge a finished run again."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import Annotated

import typer
from rich.text import Text

from conf.loading import load_settings
from monitoring.redaction.clean_console import CleanConsole


def command(
    run_dir: Annotated[
        Path, typer.Argument(help="A run directory, or one with the CSV files of any Locust run.")
    ],
    config: Annotated[
        list[Path] | None,
        typer.Option(
            help="TOML file with other [thresholds] to judge by, or another target.contract; laid over conf/loadtest.toml."
        ),
    ] = None,
    strict: Annotated[
        bool | None,
        typer.Option(
            "--strict/--no-strict",
            envvar="LOADTEST_STRICT",
            help="A WARN exits with 1, and so does a PASS that is not certain.",
            show_default="as the run was configured",
        ),
    ] = None,
) -> None:
    """
    Judge a finished run again, by the thresholds it was configured with or by others.

    Reads the run directory; sends nothing. Writes verdict.json, report.html, summary.md and junit.xml into it, or
    into RUN_DIR/verdict where RUN_DIR is not one of this suite, and the verdict to stdout. A file that this suite did
    not write is never overwritten.

    Exits with 0 for PASS and WARN, 1 for FAIL, 2 when RUN_DIR holds no run or cannot be written to, 3 for NO VERDICT.
    """
    from reports.judgement.assessment import exit_code  # noqa: PLC0415 - pandas takes a while; --help does without
    from reports.rendering.terminal import print_verdict  # noqa: PLC0415
    from reports.report_files import write_reports  # noqa: PLC0415
    from reports.verdict import judge_run  # noqa: PLC0415

    given = load_settings(config_files=config, environ={}) if config else None
    verdict = judge_run(
        run_dir,
        given.thresholds if given else None,
        minimum_requests=given.run.minimum_requests if given else None,
        contract=given.contract if given else None,
    )
    report = write_reports(verdict, run_dir)
    if strict is None:
        strict = verdict.manifest is not None and verdict.manifest.settings.run.strict
    print_verdict(CleanConsole(), verdict, report, strict=strict)
    if report.parent != run_dir:
        said = f"{run_dir} holds files of another project, which stay as they are: the report is in {report.parent}"
        CleanConsole().print(Text(said), soft_wrap=True)
    raise typer.Exit(exit_code(verdict, strict=strict))

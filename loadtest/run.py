"""``loadtest run``: journeys, one after the other, and their verdicts."""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from conf.errors import INTERRUPTED, ExitCode, LoadTestError, NoVerdictError
from conf.journeys import choose_journeys
from conf.loading import absolute_choice, load_settings
from conf.operations import Journey
from conf.run_directory import LOG
from conf.trace_exporters import require_allowed_exporters
from loadtest.display import Display
from loadtest.embedded import embedded_stack
from loadtest.journey import run_journey
from loadtest.words import JOURNEY_WORDS, known_word
from monitoring.probing.planned_load import warn_of_short_stop
from monitoring.probing.preflight import check_output, require_ready
from monitoring.redaction.clean_console import CleanConsole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conf.settings import Settings
    from reports.record import Verdict

_BROUGHT_ALONG = {
    "SESSION_SECRET",
    "SESSION_SECRET_FILE",
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "LOADTEST_TARGET",
    "LOADTEST_ALLOWED_HOSTS",
    "LOADTEST_TARGET_PID",
    "LOADTEST_TARGET_EMBEDDED",
    "LOADTEST_METRICS_URL",
    "LOADTEST_FIXTURE",
    "LOADTEST_BASELINE",
}
"""Variables that an embedded run sets itself; the environment's values belong to another portal."""


def command(  # noqa: PLR0913 - one parameter per option
    journey: Annotated[
        str,
        typer.Argument(
            metavar="|".join(JOURNEY_WORDS),
            callback=known_word,
            help="Which journey; all: one after the other, in this order.",
        ),
    ],
    *,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Bring database, seed and portal along.")
    ] = False,
    profile: Annotated[
        str | None, typer.Option(help="Load profile: a name from conf/profiles/, or a TOML file.")
    ] = None,
    contract: Annotated[
        str | None, typer.Option(help="What the portal speaks: a name in conf/contracts/, or a TOML file.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address of the portal under test.")] = None,
    output_dir: Annotated[Path | None, typer.Option(help="Where run directories are made.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="A WARN exits with 1, and so does a PASS that is not certain.")
    ] = False,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Run journeys against the portal under test and judge them.

    Reads the settings, the fixture (loadtest seed), and DATABASE_URL for rag; with --embedded nothing but the
    settings. Writes a run directory per journey (runs/TIME-JOURNEY/) with Locust's CSV files, measurements,
    verdict.json, report.html, summary.md and junit.xml, and, with --embedded, portal.log in
    monitoring.log_dir.

    Exits with the worst verdict: 0 PASS or WARN (--strict: 1 for a WARN, and for a PASS that is not certain), 1 FAIL, 2 settings or environment not in
    order, 3 NO VERDICT, 130 interrupted.
    """
    inherited = _inherited_environment(embedded=embedded)
    overrides = {
        "run.profile": profile,
        "target.contract": contract,
        "target.base_url": host,
        "run.output_dir": output_dir,
        "run.strict": strict or None,
    }
    settings = load_settings(overrides, config_files=config or (), environ=inherited)
    (journeys, warnings), now = choose_journeys(journey, tuple(Journey), settings), datetime.now(UTC)
    if embedded:
        _look_before_embedded(settings, host)
    else:
        require_ready(settings, journeys, settings.profile.longest_s(journeys), now)
    cut_off = warn_of_short_stop(settings, journeys, settings.run.stop_timeout_s)
    for warning in filter(None, (*warnings, cut_off)):
        typer.echo(f"Warning: {warning}", err=True)
    environ = inherited | _environment(settings, host, config or (), inherited)
    runs: list[tuple[Verdict, Path]] = []
    try:
        with Display(CleanConsole(stderr=True)) as display:
            stack = (
                embedded_stack(
                    settings, display.stage, log_dir=settings.monitoring.log_dir, now=now, environ=inherited
                )
                if embedded
                else nullcontext()
            )
            with stack as running:
                environ |= running.environ if running else {}
                interrupted = _run_all(journeys, settings, environ, display, runs)
    finally:
        _print_verdicts(runs, strict=settings.run.strict)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    from reports.judgement.assessment import exit_code  # noqa: PLC0415 - pandas is for runs; the portal's memory does without

    raise typer.Exit(max(exit_code(verdict, strict=settings.run.strict) for verdict, _ in runs))


def _inherited_environment(*, embedded: bool) -> dict[str, str]:
    brought_along = _BROUGHT_ALONG if embedded else ()
    return {name: value for name, value in os.environ.items() if name not in brought_along}


def _look_before_embedded(settings: Settings, host: str | None) -> None:
    """Check before the seeding, which takes a while, what would stop the run after it."""
    if host is not None:
        raise LoadTestError(
            "--host: an embedded run brings its own portal along", "Give --host or --embedded, not both."
        )
    check_output(settings)
    require_allowed_exporters(settings, os.environ)
    log_dir = settings.monitoring.log_dir
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=log_dir).close()
    except OSError as error:
        raise LoadTestError(
            f"{log_dir}: cannot be written: {error.strerror}",
            f"Make room for the portal's log, or run elsewhere: mv {log_dir} {log_dir}.old",
        ) from error


def _environment(
    settings: Settings, host: str | None, config: Sequence[Path], inherited: Mapping[str, str]
) -> dict[str, str]:
    """The command's options as environment variables: Locust's process reads the same settings from them."""
    environ = {
        "LOADTEST_PROFILE": absolute_choice(settings.run.profile),
        "LOADTEST_CONTRACT": absolute_choice(settings.target.contract),
        "LOADTEST_OUTPUT_DIR": str(settings.run.output_dir.resolve()),
    }
    if settings.run.strict:
        environ["LOADTEST_STRICT"] = "true"
    if host is not None:
        environ["LOADTEST_TARGET"] = host
    if config:
        files = [
            *inherited.get("LOADTEST_CONFIG", "").split(os.pathsep),
            *(str(path.resolve()) for path in config),
        ]
        environ["LOADTEST_CONFIG"] = os.pathsep.join(file for file in files if file)
    return environ


def _run_all(
    journeys: Sequence[Journey],
    settings: Settings,
    environ: Mapping[str, str],
    display: Display,
    runs: list[tuple[Verdict, Path]],
) -> bool:
    """Run *journeys* in order and add each verdict to *runs*; returns whether they were interrupted."""
    from reports.own_files import REPORT_FILE  # noqa: PLC0415
    from reports.report_files import write_what_fits  # noqa: PLC0415 - as above
    from reports.state import State  # noqa: PLC0415
    from reports.verdict import judge_run  # noqa: PLC0415 - as above

    for journey in journeys:
        run_dir, interrupted, code = run_journey(journey, settings, environ, display)
        verdict = judge_run(run_dir)
        if code == ExitCode.NO_VERDICT and verdict.state is not State.NO_VERDICT:
            raise NoVerdictError(
                f"{run_dir}: the run has no verdict: Locust ended with exit code {code}, though the files say {verdict.state.word}",
                f"Its reason is at the end of its log: less {run_dir / LOG}",
            )
        if (
            verdict.manifest is None or not (run_dir / REPORT_FILE).exists()
        ):  # Locust was killed before it wrote them
            write_what_fits(verdict, run_dir)
        runs.append((verdict, run_dir / REPORT_FILE))
        if interrupted:
            return True
    return False


def _print_verdicts(runs: Sequence[tuple[Verdict, Path]], *, strict: bool) -> None:
    if not runs:
        return
    from reports.rendering.terminal import print_verdict, print_verdicts  # noqa: PLC0415 - as above

    console = CleanConsole()
    for verdict, report in runs:
        print_verdict(console, verdict, report, strict=strict)
    console.print()
    print_verdicts(console, runs)

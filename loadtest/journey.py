"""One journey in its own Locust process: started, followed, and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import locustfiles
from conf.errors import ExitCode, LoadTestError, NoVerdictError
from conf.run_directory import (
    LOG,
    MANIFEST,
    MEASUREMENTS,
    PROGRESS_VARIABLE,
    RUN_DIR_VARIABLE,
    run_directory,
    unwritable,
)
from loadtest.embedded import start_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conf.operations import Journey
    from conf.settings import Settings
    from loadtest.display import Display


def run_journey(
    journey: Journey, settings: Settings, environ: Mapping[str, str], display: Display
) -> tuple[Path, bool, int]:
    """
    Run one journey to its end or until Ctrl-C. The first Ctrl-C lets requests in flight finish; a second does not.

    Args:
        journey: Which.
        settings: Of the run; Locust's process reads them anew from *environ*.
        environ: The environment of Locust's process.
        display: Where progress is shown.

    Returns:
        The run directory, whether the run was interrupted, and the exit code of Locust's process.

    Raises:
        LoadTestError: Locust ended without a run (the text is Locust's), or the run directory cannot be made.
        NoVerdictError: Locust broke off before there was anything to judge.
        KeyboardInterrupt: The run was interrupted before there was anything to judge.
    """
    run_dir = _make_run_directory(settings, journey)
    reading, writing = os.pipe()
    locustfile = Path(locustfiles.__file__).parent / f"{journey}.py"
    with (run_dir / LOG).open("wb") as log, os.fdopen(reading) as lines:
        process = start_module(
            ["locust", "-f", str(locustfile), "--headless", "--only-summary"],
            env={**environ, RUN_DIR_VARIABLE: str(run_dir), PROGRESS_VARIABLE: str(writing)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[writing],
            start_new_session=True,  # Ctrl-C reaches it once, from here
        )
        os.close(writing)
        interrupted = False
        try:
            _follow(process, lines, journey, settings, display)
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
            process.wait()
        finally:
            process.kill()  # has an effect only after an error here
            process.wait()
    # A run that was begun and never finished is judged too: NO VERDICT.
    if not any((run_dir / name).exists() for name in (MANIFEST, MEASUREMENTS)):
        raise KeyboardInterrupt if interrupted else _no_run(run_dir, process.returncode)
    return run_dir, interrupted, process.returncode


def _make_run_directory(settings: Settings, journey: Journey) -> Path:
    run_dir = run_directory(settings.run.output_dir, [journey], datetime.now(UTC))
    try:
        run_dir.mkdir(parents=True)
    except OSError as error:
        raise unwritable(run_dir, error) from error
    return run_dir


def _follow(
    process: subprocess.Popen[bytes],
    lines: Iterable[str],
    journey: Journey,
    settings: Settings,
    display: Display,
) -> None:
    planned_s = settings.profile.load(journey).longest_s
    for line in lines:
        display.load(journey, json.loads(line), planned_s)
    process.wait()


def _no_run(run_dir: Path, returncode: int) -> LoadTestError:
    """The error with Locust's own words: the sentence it ended with, or the last line of its log."""
    log = run_dir / LOG
    text = log.read_text(encoding="utf-8", errors="replace")
    start = text.find("Error: ")
    if returncode == ExitCode.USAGE and start >= 0:
        shutil.rmtree(run_dir)
        return LoadTestError(text[start:].strip().removeprefix("Error: "))
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
    return NoVerdictError(
        f"{log}: Locust ended with exit code {returncode} before the run began: {last}",
        f"All that it said: cat {log}",
    )

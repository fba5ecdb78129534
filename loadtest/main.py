"""The command ``loadtest`` as a process: every error ends it with a sentence and one of the suite's exit codes."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from conf.errors import INTERRUPTED, ExitCode, LoadTestError

_WITH_VERDICT = {"run", "report", "compare"}
"""Sub-commands that judge: when one breaks, there is no verdict."""


def main() -> NoReturn:
    """Run the command; a mistake that the user can correct ends as a sentence on stderr and exit code 2."""
    from monitoring.redaction.clean_output import clean_output  # noqa: PLC0415 - what is imported may fail, and is seen to
    from monitoring.redaction.output_streams import protect_output  # noqa: PLC0415 - as above

    protect_output()
    clean_output()
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run the command; returns the exit code for the process."""
    broken = ExitCode.NO_VERDICT if _WITH_VERDICT.intersection(arguments[:1]) else ExitCode.USAGE
    try:
        signal.signal(signal.SIGTERM, _on_sigterm)
        from loadtest.app import app  # noqa: PLC0415 - as above

        app()
    except LoadTestError as error:
        _print(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except (SystemExit, Exception) as error:  # noqa: BLE001 - whatever it is, 1 is for FAIL alone
        code = error.code if isinstance(error, SystemExit) else ExitCode.FAIL.value
        if code is None or (isinstance(code, int) and (isinstance(code, ExitCode) or code != ExitCode.FAIL)):
            return code or ExitCode.OK
        # An exit code of 1 from typer or a library is not a verdict.
        _print_unexpected(error.__context__ or error if isinstance(error, SystemExit) else error)
        return broken
    return ExitCode.OK


def _print_unexpected(error: BaseException) -> None:
    from monitoring.unexpected import describe_unexpected  # noqa: PLC0415 - as above

    what, next_step = describe_unexpected(error)
    _print(str(LoadTestError(f"loadtest: the suite itself failed: {what}", next_step)))


def _print(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - this is the command's output


def _on_sigterm(*_: object) -> NoReturn:
    """End as on Ctrl-C, which stops everything that was started."""
    raise KeyboardInterrupt

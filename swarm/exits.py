"""How a Locust process ends: with an exit code of the suite, and with a sentence where no run came about."""

from __future__ import annotations

from locust import argument_parser, runners, stats

import logging
import os
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from conf.errors import INTERRUPTED, ExitCode, LoadTestError
from monitoring.redaction.output_streams import protect_output
from monitoring.unexpected import describe_unexpected

if TYPE_CHECKING:
    from locust.web import WebUI

    from types import TracebackType

LONGEST_WAIT_FOR_WORKERS_S = 600
"""The limit without ``--expect-workers-max-wait``; Locust itself would wait for ever."""

_NEXT_STEPS = {
    "Gave up waiting for workers": "Start them: locust -f FILE --worker --master-host HOST; or wait longer: "
    "--expect-workers-max-wait SECONDS",
    "Unknown User": "List those that there are: locust -f FILE --list",
}
"""Last error of Locust's main module before it gives up → what to do."""


class _LastError(logging.Filter):
    """Remembers the last error that Locust's main module logged before it gave up."""

    message = ""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            self.message = record.getMessage().partition("\n")[0]
        return True


class _Exits:
    """
    Takes the place of ``sys`` in modules of Locust.

    Locust exits with a plain 1 or -1 when it gives up, and 1 would mean FAIL here. Verdicts have the type `ExitCode`.
    """

    def __init__(self, said: _LastError) -> None:
        self._said = said

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def exit(self, code: object = None) -> NoReturn:
        """End the process with *code*. Instead of Locust's own 1 it prints a sentence and exits as for a usage mistake."""
        if code not in {1, -1} or isinstance(code, ExitCode):
            raise SystemExit(code)
        message = self._said.message or "it gave up before a run; the reason is above"
        next_step = next((step for said, step in _NEXT_STEPS.items() if message.startswith(said)), "")
        _print(LoadTestError(f"locust: {message}", next_step))
        raise SystemExit(ExitCode.USAGE)


def own_exits() -> None:
    """From now on this process always ends with an exit code of the suite, and a closed output cannot break it."""
    protect_output()
    sys.excepthook = _end_with_a_sentence
    said = _LastError()
    logging.getLogger("locust.main").addFilter(said)
    for module in (argument_parser, runners, stats, sys.modules.get("locust.main")):
        if module is not None:  # None where Locust is not the main program
            module.sys = _Exits(said)  # type: ignore[attr-defined]


def end_unexpected(error: BaseException) -> NoReturn:
    """End the process with a sentence that names an unexpected exception and where its traceback is."""
    what, next_step = describe_unexpected(error)
    _print(LoadTestError(f"locust: the suite itself failed: {what}", next_step))
    raise SystemExit(ExitCode.NO_VERDICT)


def _end_with_a_sentence(
    kind: type[BaseException],  # noqa: ARG001 - the signature of sys.excepthook
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    """Handle an uncaught exception. Python exits with the code of a SystemExit that is raised here."""
    if isinstance(error, LoadTestError):
        _print(error)
        raise SystemExit(error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        raise SystemExit(INTERRUPTED)
    frames = traceback.extract_tb(trace)
    if any(frame.filename.endswith("load_locustfile.py") for frame in frames):
        what, _ = describe_unexpected(error)
        place = f"{frames[-1].filename}:{frames[-1].lineno}"
        _print(
            LoadTestError(
                f"{place}: {what}", "Locust cannot load its locustfile; correct it, or name another: -f FILE"
            )
        )
        raise SystemExit(ExitCode.USAGE)
    end_unexpected(error)


def require_web_port(web_ui: WebUI) -> None:
    """
    Check that the web UI can listen, before Locust tries it in the background.

    Raises:
        LoadTestError: The port is in use, or this machine does not have the address.
    """
    host, port = web_ui.host, web_ui.port
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise LoadTestError(
            f"--web-port: cannot listen on {host or '0.0.0.0'}:{port}: {reason}",  # noqa: S104 - only printed
            "Stop what listens there, or name another port: --web-port 8090; without a web UI: --headless",
        ) from None


def _print(error: LoadTestError) -> None:
    print(error, file=sys.stderr)  # noqa: T201 - for the person who started Locust

"""Progress for the process that started Locust: one JSON line a second on the file descriptor that it named."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from conf.operations import Kind
from conf.run_directory import PROGRESS_VARIABLE

if TYPE_CHECKING:
    from swarm.owner.run import Run


class Progress:
    """
    Writes lines to *descriptor*; None, or a reader that went away, writes nothing.

    A pipe whose reader was stopped (Ctrl-Z) becomes full: its lines are dropped, and the load goes on.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        if descriptor is not None:
            with suppress(OSError):  # which the first line meets too
                os.set_blocking(descriptor, False)
        self.reader_is_gone = False
        """The process that started this one was killed: it reads to the end of the run."""

    @classmethod
    def from_environment(cls) -> Progress:
        """As the starting process asked for it."""
        named = os.environ.get(PROGRESS_VARIABLE, "")
        return cls(int(named) if named.isdigit() else None)

    def write(self, **values: Any) -> None:
        """One line."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(values).encode() + b"\n")
        except BlockingIOError:
            pass
        except OSError:
            self._descriptor, self.reader_is_gone = None, True


def run_so_far(run: Run) -> dict[str, Any]:
    """What a line says of *run*."""
    tallies = run.files.log.tallies.items()
    counted = [tally for operation, tally in tallies if operation.kind is Kind.REQUEST]
    users = run.steps.users
    return {
        "elapsed_s": round(run.elapsed_s, 1),
        "users": run.users.peak if users is None else users,
        "step": len(run.steps),
        "requests": sum(tally.requests for tally in counted),
        "failures": sum(tally.failures for tally in counted),
    }

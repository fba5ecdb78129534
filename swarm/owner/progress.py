"""Reports progress to the parent process: one JSON line a second, on the file descriptor that the parent named."""

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
    Writes lines to *descriptor*; none where it is None, or where its reader has ended.

    The pipe becomes full where its reader was stopped (Ctrl-Z): further lines are dropped, and the load goes on.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        if descriptor is not None:
            with suppress(OSError):  # the first line raises it again
                os.set_blocking(descriptor, False)
        self.reader_is_gone = False
        """Whether the parent process was killed, which otherwise reads to the end of the run."""

    @classmethod
    def from_environment(cls) -> Progress:
        """Progress on the descriptor that the parent process named."""
        named = os.environ.get(PROGRESS_VARIABLE, "")
        return cls(int(named) if named.isdigit() else None)

    def write(self, **values: Any) -> None:
        """Write one line."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(values).encode() + b"\n")
        except BlockingIOError:
            pass
        except OSError:
            self._descriptor, self.reader_is_gone = None, True


def run_so_far(run: Run) -> dict[str, Any]:
    """The values of a line about *run*."""
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

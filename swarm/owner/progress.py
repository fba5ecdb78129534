"""Progress for the process that started Locust: one JSON line a second on the file descriptor that it named."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

from conf.run_directory import PROGRESS_VARIABLE


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

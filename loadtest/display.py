"""Progress for the person who waits: a live line on a terminal, an occasional line in a CI log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

_LOG_EVERY_S = 5.0


class Display:
    """
    Shows what is being done.

    Args:
        console: Writes to stderr: stdout is for the command's result.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = (
            Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        )
        self._said = ""
        self._said_at_s = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def stage(self, name: str, done: int, total: int) -> None:
        """Show how far a step of the preparation is."""
        if self._live is None and done < total:
            return
        share = f" {100 * done // total} %" if total > 1 else ""
        self._say(name, f"{name}{share if done < total else ': done'}", final=done >= total)

    def load(self, journey: str, values: dict[str, Any], planned_s: float | None) -> None:
        """Show how far a journey is, as Locust's process reports it."""
        planned = f" of {planned_s:.0f}" if planned_s else ""
        step = f" · step {values['step']}" if values.get("step") else ""
        failed = f" · {values['failures']:,} failed" if values["failures"] else ""
        text = (
            f"{journey}: {values['elapsed_s']:.0f}{planned} s{step} · {values['users']} users"
            f" · {values['requests']:,} requests{failed}"
        )
        self._say(journey, text, final=bool(values.get("finished")))

    def _say(self, subject: str, text: str, *, final: bool) -> None:
        if self._live is not None:
            self._live.update(Spinner("dots", Text(text)))
            if final:
                self.console.print(Text(f"  {text}"))
            return
        now_s = time.monotonic()
        if final or subject != self._said or now_s - self._said_at_s >= _LOG_EVERY_S:
            self.console.print(Text(f"  {text}"))
            self._said, self._said_at_s = subject, now_s

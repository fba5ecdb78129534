"""The profile's steps as a Locust load shape."""

from __future__ import annotations

from locust import LoadTestShape

from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conf.profile import Step


class StepShape(LoadTestShape):
    """
    Runs one concurrency level after the other.

    It must not be in a locustfile's namespace: Locust would apply it to every user class there.

    Args:
        steps: The steps in order; each lasts its duration.
        on_step: Called with a step's index as it begins, and with None at the end.
    """

    abstract = True
    _SPAWN_RATE = 100.0

    def __init__(self, steps: Sequence[Step], on_step: Callable[[int | None], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust's shapes carry no annotations
        self._steps = steps
        self._ends_s = list(accumulate(step.duration_s for step in steps))
        self._on_step = on_step
        self._current: int | None = None

    def reset_time(self) -> None:
        """Begin again with the first step."""
        super().reset_time()  # type: ignore[no-untyped-call]  # Locust's shapes carry no annotations
        self._current = None

    def tick(self) -> tuple[int, float] | None:
        """Users and spawn rate for this moment; None once the last step is over."""
        elapsed_s = self.get_run_time()  # type: ignore[no-untyped-call]  # Locust's shapes carry no annotations
        index = next((i for i, end_s in enumerate(self._ends_s) if elapsed_s < end_s), None)
        if index is None:
            self._on_step(None)
            return None
        if index != self._current:
            self._current = index
            self._on_step(index)
        return self._steps[index].users, self._SPAWN_RATE

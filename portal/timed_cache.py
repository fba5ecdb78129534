"""Values that are kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_VALUES = 100_000
"""Beyond so many the cache begins anew."""


class TimedCache:
    """
    A cache in memory.

    Args:
        keep_s: How long a value is kept.
        clock: Monotonic seconds.
    """

    def __init__(self, keep_s: float, clock: Callable[[], float]) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._values: dict[str, tuple[float, Any]] = {}

    def get(self, key: str) -> Any | None:
        """The value; None where there is none, or it is too old."""
        kept_s, value = self._values.get(key, (0.0, None))
        return value if value is not None and self._clock() - kept_s < self._keep_s else None

    def put(self, key: str, value: Any) -> None:
        """Keep *value* from now on."""
        if len(self._values) >= MOST_VALUES:
            self._values.clear()
        self._values[key] = self._clock(), value

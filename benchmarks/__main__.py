"""
All benchmarks of the suite's own speed, and the document that says what they found: ``make bench``.

A name on the command line (``python -m benchmarks throughput``) measures that alone, and writes nothing.
"""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from benchmarks.figures import Figure, as_table
from benchmarks.machine import described

NAMES = (
    "throughput",
    "held_open",
    "processes",
    "stream_truth",
    "stream_scale",
    "stream_reading",
    "dealing",
    "jwts",
    "seeding",
    "day_report",
)
"""Modules with a ``measure() -> list[Figure]``; one that is not there is left out."""
RESULTS = Path(__file__).parent / "RESULTS.md"
_HEAD = """# What the suite costs

Written by `make bench`. Ratios are medians of rounds in which both sides take turns; each benchmark says how it measures at
its head, in `benchmarks/`. All load goes to a server of the benchmarks' own on the same machine, which shares its cores.
"""


def measured(names: tuple[str, ...]) -> list[Figure]:
    """The figures of these benchmarks, in order."""
    figures: list[Figure] = []
    for name in names:
        module = f"benchmarks.{name}"
        if find_spec(module) is None:
            continue
        print(f"{name} ...", file=sys.stderr)  # noqa: T201 - minutes pass
        try:
            figures += import_module(module).measure()
        except Exception as error:  # noqa: BLE001 - the others took minutes
            traceback.print_exc()
            figures.append(Figure(f"{name}, or a part of it", f"not measured: {error!r}", reached=False))
    return figures


def main() -> None:
    """Measure and write."""
    names = tuple(sys.argv[1:])
    figures = measured(names or NAMES)
    print(as_table(figures))  # noqa: T201 - a benchmark is run by hand
    if not names:
        RESULTS.write_text(f"{_HEAD}\n{described()}\n\n{as_table(figures)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What a benchmark finds: one figure, what is wanted of it, and whether it is reached."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """
    One line of benchmarks/RESULTS.md.

    Args:
        name: What was measured.
        value: The figure in words, with its unit and its spread.
        ratio: To what it is held against; None for a figure that is a plain number.
        wanted: What the ratio, or the value, should be; empty where nothing is.
        reached: Whether it is; None where nothing is wanted.
    """

    name: str
    value: str
    ratio: float | None = None
    wanted: str = ""
    reached: bool | None = None


def as_table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| figure | measured | ratio | wanted | reached |", "|---|---|---|---|---|"]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        reached = {None: "", True: "yes", False: "**no**"}[figure.reached]
        rows.append(f"| {figure.name} | {figure.value} | {ratio} | {figure.wanted} | {reached} |")
    return "\n".join(rows)


def spread(ratios: list[float]) -> str:
    """How far the rounds of a ratio lie apart, in words."""
    return f"{len(ratios)} rounds, ratio {min(ratios):.2f} to {max(ratios):.2f}"

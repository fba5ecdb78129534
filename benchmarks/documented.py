"""Figures that a page of the documentation shows."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def put_table(page: str, mark: str, table: str) -> None:
    """
    Write *table* into a page, in place of what stands between ``<!-- mark -->`` and ``<!-- /mark -->``.

    Raises:
        ValueError: The page has no such place, or several.
    """
    path = DOCS / page
    place = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    text, places = place.subn(
        lambda match: f"{match[1]}{table}\n{match[2]}", path.read_text(encoding="utf-8")
    )
    if places != 1:
        raise ValueError(f"{path}: there is no one place between <!-- {mark} --> and <!-- /{mark} -->")
    path.write_text(text, encoding="utf-8")

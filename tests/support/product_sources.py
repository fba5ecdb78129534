"""The product's Python files, for tests that read them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("conf", "seed", "monitoring", "reports", "swarm", "locustfiles", "loadtest", "portal")


@cache
def sources() -> dict[str, str]:
    """Path within the project → source text; read once."""
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}

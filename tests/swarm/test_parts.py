"""What users share in a run is changed by its own methods: no user class sets it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHARED = {"generator", "part"}


def set_by_users(source: str) -> list[str]:
    """Attributes of what is shared that *source* assigns, adds to or deletes."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store | ast.Del)
        and SHARED & {part.attr for part in ast.walk(node.value) if isinstance(part, ast.Attribute)}
    ]


def test_no_user_class_sets_what_it_shares_with_others() -> None:
    modules = [path for room in ("swarm/users", "locustfiles") for path in (ROOT / room).glob("*.py")]
    assert len(modules) > 6
    assert {path.name: found for path in modules if (found := set_by_users(path.read_text()))} == {}


def test_a_counter_that_a_user_sets_would_be_seen() -> None:
    assert set_by_users("self.generator.parked += 1") == ["self.generator.parked"]
    assert set_by_users("self.part.houses.known = []") == ["self.part.houses.known"]
    assert set_by_users("self.part = self.generator.part") == []

"""The codes of problems are spelled in one place, each is noted somewhere, and each says what to do."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from reports.advice.rules import RULES
from reports.manifest import NEXT_STEPS, ProblemEntry
from reports.problem import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ROOMS = ("conf", "seed", "monitoring", "reports", "swarm", "locustfiles", "loadtest", "portal")
OF_OTHER_ENUMS = {
    "conf/operations.py": {"cut_off", "unexpected"},
    "conf/failures.py": {"timed_out"},
    "reports/advice/rules.py": {"timed_out"},
    "reports/reading/csv_files.py": {"exceptions"},
    "reports/reading/run_files.py": {"exceptions"},
    "swarm/owner/run_writer.py": {"exceptions"},
    "swarm/owner/manifest.py": {"held_back"},
}
"""The same words with another meaning: an outcome, the cause of a failure, an advice about it, a file, a key."""
WITHOUT_NOTE = {ProblemCode.OTHER}
"""Read from a manifest, never noted."""


def trees() -> dict[str, ast.Module]:
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


def codes_spelled(tree: ast.Module) -> set[str]:
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return texts & {code.value for code in ProblemCode}


def codes_noted(tree: ast.Module) -> Iterator[tuple[ProblemCode, ast.Call]]:
    """Each call that begins with a code, or with a choice of codes; what advises on one notes nothing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) != "_problem_rule":
            first = node.args[0]
            choices = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            for choice in choices:
                name = ast.unparse(choice)
                if isinstance(choice, ast.Attribute) and name.startswith("ProblemCode."):
                    yield ProblemCode[choice.attr], node


def all_noted() -> dict[ProblemCode, list[ast.Call]]:
    noted: dict[ProblemCode, list[ast.Call]] = defaultdict(list)
    for tree in trees().values():
        for code, call in codes_noted(tree):
            noted[code].append(call)
    return noted


def says_what_to_do(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "Problem" and len(call.args) > len(["code", "message"])


def test_a_code_is_spelled_in_its_enum_only() -> None:
    spelled = {path: codes for path, tree in trees().items() if (codes := codes_spelled(tree))}
    assert spelled.pop("reports/problem.py") == {code.value for code in ProblemCode}
    assert spelled == OF_OTHER_ENUMS


def test_every_code_is_noted_somewhere() -> None:
    of_findings = {ProblemCode.CUT_OFF, ProblemCode.TIMED_OUT}  # `Undecided` has them
    assert all_noted().keys() | of_findings | WITHOUT_NOTE == set(ProblemCode)


def test_every_problem_says_what_to_do_or_has_advice() -> None:
    advised = {rule.code for rule in RULES}
    silent = {
        code
        for code, calls in all_noted().items()
        if code not in advised and code not in NEXT_STEPS and not all(map(says_what_to_do, calls))
    }
    assert silent == set()
    assert all(code in NEXT_STEPS for code in WITHOUT_NOTE)


def test_a_code_that_this_suite_does_not_know_is_read_as_another() -> None:
    noted = {"code": "of_a_later_suite", "message": "something", "at": "2025-11-15T20:00:07Z"}
    assert ProblemEntry.model_validate_json(json.dumps(noted)).code is ProblemCode.OTHER
    with pytest.raises(ValidationError):
        ProblemEntry.model_validate_json(json.dumps(noted | {"code": 7}))

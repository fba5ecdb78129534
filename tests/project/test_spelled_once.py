"""What several rooms must spell alike is spelled in one place: codes of problems, files and columns of the run directory."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest
from product_sources import sources
from pydantic import ValidationError

from conf import run_directory
from reports.advice.rules import RULES
from reports.manifest import ProblemEntry
from reports.manifest_file import NEXT_STEPS
from reports.problem import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_OTHER_ENUMS = {
    "conf/operations.py": {"cut_off", "unexpected"},
    "conf/failures.py": {"timed_out"},
    "conf/run_directory.py": {"exceptions"},
    "reports/advice/failure_rules.py": {"timed_out"},
    "reports/advice/foreign_rules.py": {"timed_out"},
    "reports/reading/csv_files.py": {"exceptions"},
}
"""The same words with another meaning: an outcome, the cause of a failure, an advice about it, a file, a key."""
WITHOUT_NOTE = {ProblemCode.OTHER}
"""Read from a manifest, never noted."""


@cache
def trees() -> dict[str, ast.Module]:
    return {path: ast.parse(source) for path, source in sources().items()}


def spelled(words: set[str]) -> dict[str, set[str]]:
    """Module → which of the words are a string of its own there."""
    texts = {
        path: {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        for path, tree in trees().items()
    }
    return {path: found for path, held in texts.items() if (found := held & words)}


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
    codes = {code.value for code in ProblemCode}
    found = spelled(codes)
    assert found.pop("reports/problem.py") == codes
    assert found == OF_OTHER_ENUMS


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


def test_files_of_the_run_directory_and_their_columns_are_spelled_where_writer_and_reader_meet() -> None:
    names = {value for name, value in vars(run_directory).items() if name.isupper() and "." in str(value)}
    assert {"manifest.json", "locust_stats_history.csv"} < names
    columns = {run_directory.RSS_BYTES, "lag_p99_ms", "lag_max_ms"}
    assert columns <= {run_directory.RSS_BYTES, *run_directory.HEALTH_FIGURES}
    assert set(spelled(names | columns)) == {"conf/run_directory.py"}

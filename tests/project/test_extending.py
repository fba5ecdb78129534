"""What `docs/extending.md` says of a new journey, counted on the one that it is told by."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from conf.loading import CONF_DIR, load_settings
from conf.operations import Journey, Operation
from conf.subject import parse_subject

ROOT = Path(__file__).parents[2]
JOURNEY = Journey.DOCUMENTS
PRODUCT = ("conf", "seed", "monitoring", "reports", "swarm", "locustfiles", "portal", "loadtest", "Makefile")
GENERATED = (
    "conf/prometheus/rules.yml",
    "conf/grafana/",
    "conf/baselines/",
    "reports/rendering/verdict.schema.json",
)
"""Written by `make alerts`, `make baseline` and `make schema`."""
NAMED = re.compile(r"\bDOCUMENTS(_[A-Z]+)?\b|\bdocuments_(list|open|flow)\b|\[documents\]|\bDocumentsUser\b")
PROFILES = {path.stem for path in (CONF_DIR / "profiles").glob("*.toml")}


def section(title: str) -> str:
    page = (ROOT / "docs" / "extending.md").read_text()
    (text,) = re.findall(rf"^## {title}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return text


def test_a_journey_stands_in_the_files_that_the_page_names_and_in_no_others() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", *PRODUCT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [file for file in tracked.stdout.splitlines() if not file.startswith(GENERATED)]
    found = {file for file in files if NAMED.search((ROOT / file).read_text(errors="replace"))}
    named = set(re.findall(r"^\| `(\S+)` \|", section("Add a journey"), re.MULTILINE))
    assert found == named | {f"conf/profiles/{profile}.toml" for profile in PROFILES}


def test_the_pages_user_class_is_the_one_that_ships() -> None:
    shipped = (ROOT / "locustfiles" / "documents.py").read_text()
    (shown,) = re.findall(r"```python\n(class .*?)```", section("Add a journey"), re.DOTALL)
    assert shown in shipped
    assert len(shipped.splitlines()) <= 40


def test_the_files_that_the_page_names_are_there() -> None:
    page = (ROOT / "docs" / "extending.md").read_text()
    rows = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    assert len(rows) > 15
    for file in (file for row in rows for file in re.findall(r"`(\S+?)`", row)):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("journey", Journey)
def test_a_journey_of_the_suites_own_lacks_nothing(journey: Journey) -> None:
    settings = load_settings(environ={})
    assert (ROOT / "locustfiles" / f"{journey}.py").exists()
    assert all(journey in load_settings({"run.profile": name}, environ={}).profile.loads for name in PROFILES)
    requests = {operation for operation in journey.operations if operation.is_portal_request}
    assert requests <= settings.contract.endpoints.keys()
    assert sum(operation.begins_flow for operation in journey.operations) == 1
    judged = {parse_subject(text).operation for text in settings.thresholds}
    assert judged & {operation for operation in journey.operations if operation.begins_flow}


def test_the_table_is_the_only_place_that_says_what_an_operation_is() -> None:
    assert {operation.journey for operation in Operation} == set(Journey)
    assert len({operation.label for operation in Operation}) == len(Operation)
    assert len({journey.label for journey in Journey}) == len(Journey)

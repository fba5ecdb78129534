from __future__ import annotations

import subprocess
import sys

import pytest
from patience import TIMEOUT_S

IMPORTED = """
import sys
import locust.main
before = {*sys.modules}
import swarm.session, MODULE
print(*sorted({*sys.modules} - before))
"""
OWNERS = {
    "asyncio",
    "cryptography",
    "jwt",
    "opentelemetry",
    "pandas",
    "prometheus_client",
    "rich",
    "scipy",
    "reports.judgement",
    "reports.reading",
    "reports.rendering",
    "swarm.display",
    "swarm.ownership",
    "swarm.owner.owner",
    "swarm.web",
    "monitoring.probing.preflight",
}
"""Needed by the process that owns a run, by its pages, or by an exporter of traces; not by users."""
SEARCHES = {"numpy", "psycopg2", "seed.database", "swarm.database"}


def imported_by(module: str) -> set[str]:
    """What *module* brings into a process that has imported Locust, with the packages that hold it."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED.replace("MODULE", module)],
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    names = done.stdout.split()
    return {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 2)}


@pytest.mark.parametrize(
    ("locustfile", "may_not"),
    [("chat", OWNERS | SEARCHES), ("onboarding", OWNERS | SEARCHES), ("rag", OWNERS)],
)
def test_a_locustfile_imports_only_what_its_users_need(locustfile: str, may_not: set[str]) -> None:
    """What is imported is counted, not seconds: they are the machine's."""
    imported = imported_by(f"locustfiles.{locustfile}")
    assert {f"locustfiles.{locustfile}", "swarm.session", "swarm.generator.generator"} <= imported
    assert imported & may_not == set()


def test_what_an_owner_needs_is_in_the_module_that_only_an_owner_imports() -> None:
    """So the names above are those of modules that the product imports: of a misspelt one, no test would fail."""
    assert imported_by("swarm.ownership, swarm.display") >= OWNERS - {"asyncio", "opentelemetry"}

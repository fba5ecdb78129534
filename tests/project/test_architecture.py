from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from patience import TIMEOUT_S
from product_sources import sources

ROOT = Path(__file__).parents[2]
ROOMS = ("conf", "seed", "monitoring", "reports", "swarm", "locustfiles", "loadtest")
"""In order: a room may import those to its left."""
ALLOWED = {room: set(ROOMS[: number + 1]) for number, room in enumerate(ROOMS)}
ALLOWED["portal"] = {"conf", "seed", "monitoring", "portal"}
ALLOWED["loadtest"] |= {"portal"}


def imported_modules(source: str) -> set[str]:
    """Whatever *source* imports, by its whole name; of ``from a import b`` both ``a`` and ``a.b``, which may be a module."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imported(source: str) -> set[str]:
    """The packages and modules that *source* imports, without what is below them."""
    return {name.partition(".")[0] for name in imported_modules(source)}


def wrong_arrows(room: str, source: str) -> set[str]:
    """The rooms that *source*, a module of *room*, imports though it may not."""
    return (imported(source) & ALLOWED.keys()) - ALLOWED[room]


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_point_to_the_left_only(room: str) -> None:
    modules = list((ROOT / room).rglob("*.py"))
    assert modules
    wrong = {module.name: arrows for module in modules if (arrows := wrong_arrows(room, module.read_text()))}
    assert not wrong


def test_a_wrong_arrow_would_be_seen_wherever_it_stands() -> None:
    assert wrong_arrows("conf", "from seed.fixture import House") == {"seed"}
    assert wrong_arrows("reports", "def f():\n    import locustfiles.chat") == {"locustfiles"}
    assert wrong_arrows("locustfiles", "import portal") == {"portal"}
    assert wrong_arrows("loadtest", "import portal, reports.verdict") == set()


def product() -> dict[str, str]:
    """Each module of the rooms → its source; packages hold a docstring only."""
    return {
        path.removesuffix(".py").replace("/", "."): source
        for path, source in sources().items()
        if not path.endswith("__init__.py")
    }


@pytest.mark.parametrize("depth", [None, 2], ids=["modules", "parts of a room"])
def test_nothing_imports_itself_in_a_circle_not_even_for_its_types(depth: int | None) -> None:
    """A part of a room is a sub-package of it, or a module beside them."""
    sources = product()
    assert len(sources) > 150
    graph: dict[str, set[str]] = {}
    for name, source in sources.items():
        wanted = {part_of(other, depth) for other in imported_modules(source) & sources.keys()}
        graph.setdefault(part_of(name, depth), set()).update(wanted - {part_of(name, depth)})
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def part_of(module: str, depth: int | None) -> str:
    return ".".join(module.split(".")[:depth])


def test_a_class_name_stands_once_in_the_product() -> None:
    places: dict[str, list[str]] = {}
    for name, source in product().items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name)
    assert len(places) > 200
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_route_of_the_portal_is_handed_the_part_it_needs_and_never_all_of_them() -> None:
    users = {name for name, source in product().items() if "portal.services" in imported_modules(source)}
    assert users == {"portal.app", "portal.serving"}


def test_every_package_is_a_room_of_the_house() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == ALLOWED.keys()


@pytest.mark.parametrize("module", ["reports.verdict", "reports.rendering.terminal"])
def test_reports_needs_neither_gevent_nor_locust(module: str) -> None:
    code = f"import {module}, sys; sys.exit(bool({{'gevent', 'locust'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=TIMEOUT_S).returncode == 0


def test_no_module_of_the_tests_imports_from_a_file_of_tests() -> None:
    """What several files of tests need is in a helper; those are not called ``test_….py``."""
    modules = list((ROOT / "tests").rglob("*.py"))
    files_of_tests = {path.stem for path in modules if path.stem.startswith("test_")}
    wrong = {path.name: found for path in modules if (found := imported(path.read_text()) & files_of_tests)}
    assert len(files_of_tests) > 50
    assert not wrong


def test_no_helper_of_the_tests_holds_a_test() -> None:
    helpers = [path for path in (ROOT / "tests").rglob("*.py") if not path.stem.startswith("test_")]
    assert [path.name for path in helpers if "\ndef test_" in path.read_text()] == []

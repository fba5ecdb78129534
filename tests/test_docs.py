from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from pydantic import BaseModel

from conf.loading import CONF_DIR, ENVIRONMENT
from conf.operations import Operation
from conf.profile import Load
from conf.settings import Settings
from conf.thresholds import Limits, Metric
from loadtest.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
SECTIONS = ("target", "database", "seed", "run", "portal")


def keys_of(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


KEYS = {
    key
    for section in SECTIONS
    for key in keys_of(Settings.model_fields[section].annotation, f"{section}.")  # type: ignore[arg-type]
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_each_of_its_options_is_documented(command: str) -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    section = page.replace("`", "").partition(f"## loadtest {command}\n")[2].partition("\n## ")[0]
    assert section
    for parameter in COMMANDS[command].params:
        if parameter.param_type_name == "option":
            assert all(option in section for option in parameter.opts), parameter.opts
    assert "Exits with" in COMMANDS[command].help


def test_every_setting_is_documented_and_no_unknown_one_is() -> None:
    documented = set(re.findall(rf"^\| `((?:{'|'.join(SECTIONS)})\.[a-z_.]+)`", SETTINGS, re.MULTILINE))
    assert documented == KEYS


@pytest.mark.parametrize(
    "words",
    [
        [*ENVIRONMENT, "LOADTEST_CONFIG", "LOADTEST_RUN_DIR", "LOADTEST_PROGRESS_FD"],
        list(Operation),
        list(Metric),
        list(Limits.model_fields),
        list(Load.model_fields),
        [path.stem for path in CONF_DIR.glob("profiles/*.toml")],
        [path.stem for path in CONF_DIR.glob("contracts/*.toml")],
    ],
    ids=["environment", "operations", "metrics", "limits", "load", "profiles", "contracts"],
)
def test_every_word_of_the_settings_is_documented(words: list[str]) -> None:
    assert [word for word in words if f"`{word}`" not in SETTINGS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def examples(page: Path) -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [
        line.partition(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_names_commands_and_options_that_exist(page: Path) -> None:
    for line in examples(page):
        words = line.split()
        if words[0] == "make":
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), line
        if words[0] != "loadtest":
            continue
        command = COMMANDS[words[1]]
        known = {
            option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]
        }
        assert {word for word in words if word.startswith("--")} <= known | {"--help"}, line


def test_help_needs_nothing_and_names_every_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "loadtest", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert all(command in shown for command in COMMANDS)


def test_no_tracked_file_names_a_package_index_or_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    banned = re.compile("pythonhosted" + r"|pypi\.org|--index-url h|/root/|/work/|" + "shared" + "/")
    hits = [
        name
        for name in listed.stdout.split()
        if name != "tests/test_docs.py" and banned.search((ROOT / name).read_text(errors="replace"))
    ]
    assert hits == []

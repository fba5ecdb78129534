"""``loadtest baseline`` and ``loadtest compare`` as their own processes."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from built_run import BuiltRun, Result, evenly, failing
from command_process import Commands

from conf.operations import Outcome
from reports.baseline_search import reduce_run
from reports.baselines.baseline import Machine
from reports.baselines.baseline_file import write_baseline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def chat(factor: float, seed: int, count: int = 1000, failures: int = 0) -> list[Result]:
    """Answers of about 1.8 seconds, in the order in which they came."""
    draw = random.Random(seed)
    answers = [Result("chat", 1786 * factor * draw.lognormvariate(0, 0.12)) for _ in range(count)]
    mixed = [*answers, *failing("chat", failures, Outcome.STATUS)]
    draw.shuffle(mixed)
    return mixed


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """A directory with a run ``runs/before`` and its baseline ``chat-main``."""
    run = BuiltRun(chat(1, 1)).write(tmp_path / "runs" / "before")
    write_baseline(reduce_run(run, "chat-main", Machine.here()), tmp_path / "baselines")
    commands = Commands(tmp_path, environ={}, secrets=())
    yield commands
    commands.kill_all()


@pytest.mark.parametrize(
    ("run", "code", "word"),
    [
        (BuiltRun(chat(1, 2)), 0, "● NO CHANGE"),
        (BuiltRun(chat(0.7, 3)), 0, "★ IMPROVED"),
        (BuiltRun(chat(1.3, 4)), 1, "■ REGRESSED"),
        (BuiltRun(chat(1, 5, failures=80)), 1, "■ REGRESSED"),
        (BuiltRun(chat(1, 6, count=60)), 3, "◇ NOT DECIDABLE"),
        (BuiltRun(chat(1, 7), manifest={"profile": "smoke"}), 3, "◇ NOT COMPARABLE"),
        (BuiltRun(chat(1, 8, count=3)), 3, "◇ NOT COMPARABLE"),
    ],
    ids=["the same", "quicker", "slower", "failing", "too few", "another profile", "no verdict"],
)
def test_the_exit_code_is_the_change(run: BuiltRun, code: int, word: str, commands: Commands) -> None:
    directory = run.write(commands.directory / "runs" / "after")
    ended = commands.run("loadtest", "compare", "chat-main", "runs/after")
    assert (ended.code, ended.err) == (code, "")
    assert ended.out.strip().startswith(f"{word}  after compared with chat-main: ")
    assert "Every figure: runs/after/comparison.json" in ended.out
    document = json.loads((directory / "comparison.json").read_text())
    assert document["change"] == word[2:]
    assert bool(document["reasons"]) == (word == "◇ NOT COMPARABLE")


def test_the_file_holds_every_figure_with_its_interval_and_how_both_were_made(commands: Commands) -> None:
    run = BuiltRun(chat(1.3, 4), manifest={"git_commit": "4d5e6f7"})
    directory = run.write(commands.directory / "runs" / "after")
    ended = commands.run("loadtest", "compare", "runs/before", "runs/after")
    assert "Commit: 0a1b2c3 → 4d5e6f7" in ended.out
    document = json.loads((directory / "comparison.json").read_text())
    assert (document["format"], document["baseline"], document["run"]) == (1, "before", "after")
    assert document["floor"] == {"least_ratio": 0.05, "least_ms": 20.0, "least_success_ratio": 0.01}
    assert document["run_made"]["commit"] == "4d5e6f7"
    figures = {figure["metric"]: figure for figure in document["differences"]}
    assert list(figures) == ["p50_ms", "p95_ms", "mean_ms", "success_ratio"]
    ratio = figures["p50_ms"]["ratio"]
    assert 1.05 < ratio["low"] < ratio["value"] < ratio["high"]
    assert ratio["value"] == pytest.approx(figures["p50_ms"]["new"] / figures["p50_ms"]["baseline"])
    assert (figures["p50_ms"]["baseline_count"], figures["p50_ms"]["change"]) == (1000, "REGRESSED")
    assert figures["success_ratio"]["ratio"] is None


def test_the_floor_is_a_setting(commands: Commands) -> None:
    BuiltRun(chat(1.3, 4)).write(commands.directory / "runs" / "after")
    (commands.directory / "wider.toml").write_text("[comparison]\nleast_ratio = 0.5\n")
    ended = commands.run("loadtest", "compare", "chat-main", "runs/after", "--config", "wider.toml")
    assert ended.code == 0
    assert "no latency changed by more than 50 % and 20 ms" in ended.out


def test_what_is_not_known_is_null_in_the_file(commands: Commands) -> None:
    for number, name in enumerate(("one", "other")):
        BuiltRun(chat(1, number, count=30)).write(commands.directory / "runs" / name)
    assert commands.run("loadtest", "compare", "runs/one", "runs/other").code == 3
    document = json.loads((commands.directory / "runs" / "other" / "comparison.json").read_text())
    ratios = {figure["metric"]: figure["ratio"] for figure in document["differences"]}
    assert ratios["p95_ms"]["value"] > 0
    assert (ratios["p95_ms"]["low"], ratios["p95_ms"]["high"]) == (None, None)
    assert len(document["cautions"]) == 1


def test_nothing_of_the_environment_is_read(commands: Commands) -> None:
    ended = commands.run("loadtest", "compare", "chat-main", "runs/before", LOADTEST_CONFIG="missing.toml")
    assert ended.code == 0


def test_a_baseline_is_kept_where_it_is_asked_for_and_replaced_by_the_next(commands: Commands) -> None:
    for factor in (1.0, 1.3):
        run = BuiltRun(chat(factor, 4)).write(commands.directory / "runs" / f"another-{factor}")
        save = ("loadtest", "baseline", "save", str(run), "another", "--directory", "kept/here")
        saved = commands.run(*save)
        assert (saved.code, saved.out) == (0, "kept/here/another.json: 1,000 results of chat\n")
    assert [path.name for path in (commands.directory / "kept" / "here").iterdir()] == ["another.json"]
    ended = commands.run("loadtest", "compare", "another", "runs/before", "--directory", "kept/here")
    assert "★ IMPROVED  before compared with another" in ended.out
    listed = commands.run("loadtest", "baseline", "list", "--directory", "kept/here")
    assert listed.code == 0
    rows = [line.split() for line in listed.out.splitlines()]
    assert ["another", "chat", "phase17", "1,000", "2025-11-15", "0a1b2c3", "kept/here"] in rows


def test_one_damaged_baseline_does_not_hide_the_others(commands: Commands) -> None:
    (commands.directory / "baselines" / "cut-off.json").write_text('{"format": 1,')
    listed = commands.run("loadtest", "baseline", "list")
    assert listed.code == 2
    assert "chat-main" in listed.out
    assert listed.err.startswith("Error: baselines/cut-off.json: is not JSON, or cut off")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("baseline", "save", "runs/before", "../x"), "NAME: '../x' is not a name for a baseline"),
        (("baseline", "save", "runs/nowhere", "x"), "runs/nowhere: there is no such directory"),
        (
            ("baseline", "save", "runs/few", "x"),
            "runs/few: is NO VERDICT, so its figures answer nothing: chat: 3",
        ),
        (("baseline", "save", "theirs", "x"), "theirs: holds Locust's CSV files alone"),
        (("compare", "nope", "runs/before"), "BASELINE: 'nope' is neither a baseline (chat-main"),
        (("compare", "../nope", "runs/before"), "BASELINE: '../nope' is neither a baseline"),
        (("compare", "chat-main", "runs/nowhere"), "runs/nowhere: there is no such directory"),
        (("compare", "damaged", "runs/before"), "baselines/damaged.json: is not a baseline"),
        (
            ("compare", "chat-main", "runs/before", "--config", "odd.toml"),
            "odd.toml: comparison.least: is not a known",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_every_file_as_it_was(
    command: tuple[str, ...], error: str, commands: Commands
) -> None:
    BuiltRun(chat(1, 8, count=3)).write(commands.directory / "runs" / "few")
    BuiltRun(evenly("/api/chat", 900)).write_csv(commands.directory / "theirs")
    (commands.directory / "baselines" / "damaged.json").write_text("{}")
    (commands.directory / "odd.toml").write_text("[comparison]\nleast = 1\n")
    told = commands.refused("loadtest", *command)
    assert told.startswith(f"Error: {error}")
    assert len(told.strip().splitlines()) == 2, "what is wrong, and what to do"

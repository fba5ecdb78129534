"""What this suite did not write, it does not overwrite: reports, comparisons, baselines, rules, fixtures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import warm_python
from built_run import BuiltRun, evenly

from conf.errors import LoadTestError
from conf.own_file import refuse_foreign
from reports.own_files import JUNIT_FILE, OUTPUT_DIR, REPORT_FILE, SUMMARY_FILE, VERDICT_FILE
from reports.report_files import write_reports
from reports.verdict import judge_run
from seed.fixture import FIXTURE_MARK, write_fixture
from seed.private_file import refuse_unwritable

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = (VERDICT_FILE, JUNIT_FILE, SUMMARY_FILE, REPORT_FILE)


def loadtest(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return warm_python.run(["loadtest", *map(str, arguments)], env={**os.environ, "COLUMNS": "200"})


def report_on(directory: Path) -> Path:
    return write_reports(judge_run(directory), directory)


@pytest.fixture
def foreign_run(tmp_path: Path) -> Path:
    return BuiltRun(evenly("/api/chat", 900)).write_csv(tmp_path / "theirs")


@pytest.fixture
def finished_run(tmp_path: Path) -> Path:
    return BuiltRun(evenly("chat", 900)).write(tmp_path / "run")


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("content", ["<html>made by locust --html</html>", "{}", "PASS", " "])
def test_a_file_of_another_program_stays_as_it_is_and_the_report_goes_beside_it(
    foreign_run: Path, name: str, content: str
) -> None:
    (foreign_run / name).write_text(content)
    before = {path.name: path.read_bytes() for path in foreign_run.iterdir()}
    done = loadtest("report", foreign_run)
    assert done.returncode == 0
    assert f"the report is in {foreign_run / OUTPUT_DIR}" in done.stdout
    assert {path.name: path.read_bytes() for path in foreign_run.iterdir() if path.is_file()} == before
    assert sorted(path.name for path in (foreign_run / OUTPUT_DIR).iterdir()) == sorted(WRITTEN)


def test_a_second_report_replaces_the_first_and_nothing_else(foreign_run: Path) -> None:
    report_on(foreign_run)
    mine = foreign_run / OUTPUT_DIR / "notes.txt"
    mine.write_text("mine")
    assert report_on(foreign_run) == foreign_run / OUTPUT_DIR / REPORT_FILE
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", WRITTEN)
def test_a_directory_that_is_called_verdict_and_holds_such_a_file_is_refused(
    foreign_run: Path, name: str
) -> None:
    (foreign_run / OUTPUT_DIR).mkdir()
    (foreign_run / OUTPUT_DIR / name).write_text("somebody's")
    with pytest.raises(LoadTestError, match=f"{name}: was not written by this suite") as caught:
        report_on(foreign_run)
    assert caught.value.next_step
    assert [path.name for path in (foreign_run / OUTPUT_DIR).iterdir()] == [name]


def test_the_next_step_of_a_refusal_can_be_followed(foreign_run: Path, tmp_path: Path) -> None:
    (foreign_run / OUTPUT_DIR).write_text("a file")
    done = loadtest("report", foreign_run)
    assert (done.returncode, done.stdout) == (2, "")
    command = done.stderr.strip().rpartition(": ")[2].replace("/tmp/run", str(tmp_path / "copy"))  # noqa: S108
    command = command.replace("loadtest ", f"{sys.executable} -m loadtest ")
    assert subprocess.run(command, check=False, shell=True, capture_output=True).returncode == 0  # noqa: S602


def test_a_directory_with_odd_characters_can_be_copied_too_and_a_run_of_the_suite_is_not_one_of_csv_files(
    foreign_run: Path, finished_run: Path, tmp_path: Path
) -> None:
    odd = foreign_run.rename(tmp_path / "their run; $(x)")
    for directory in (odd, finished_run):
        (directory / OUTPUT_DIR).write_text("a file")
    with pytest.raises(LoadTestError, match="not overwritten") as caught:
        report_on(odd)
    assert f"cp '{odd}'/*.csv" in caught.value.next_step
    (finished_run / REPORT_FILE).write_text("a page of another program")
    with pytest.raises(LoadTestError, match="not overwritten") as caught:
        report_on(finished_run)
    assert ".csv" not in caught.value.next_step


def test_a_link_is_nothing_that_the_suite_wrote(
    foreign_run: Path, finished_run: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (foreign_run / OUTPUT_DIR).symlink_to(elsewhere)
    with pytest.raises(LoadTestError, match="was not written by this suite"):
        report_on(foreign_run)
    (finished_run / REPORT_FILE).symlink_to(elsewhere / "none.html")
    assert report_on(finished_run) == finished_run / OUTPUT_DIR / REPORT_FILE
    assert list(elsewhere.iterdir()) == []


def test_a_run_of_the_suite_is_written_into_its_own_directory_again_and_again(finished_run: Path) -> None:
    for _ in range(2):
        assert report_on(finished_run) == finished_run / REPORT_FILE
    assert not (finished_run / OUTPUT_DIR).exists()


def test_the_html_of_locust_in_a_run_directory_of_the_suite_stays(finished_run: Path) -> None:
    (finished_run / REPORT_FILE).write_text("<!DOCTYPE html><title>Test Report for chat.py</title>")
    assert report_on(finished_run).parent == finished_run / OUTPUT_DIR
    assert "Test Report" in (finished_run / REPORT_FILE).read_text()


def test_a_web_applications_manifest_does_not_make_a_run_the_suites(foreign_run: Path) -> None:
    (foreign_run / "manifest.json").write_text('{"name": "Shop", "icons": [], "start_url": "/"}')
    verdict = judge_run(foreign_run)
    assert not verdict.own
    assert verdict.problems == ()


def test_a_manifest_that_has_only_a_run_id_is_another_programs(foreign_run: Path) -> None:
    (foreign_run / "manifest.json").write_text('{"run_id": "20261128", "pipeline": {"journeys": 3}}')
    verdict = judge_run(foreign_run)
    assert not verdict.own
    assert verdict.problems == ()


def test_a_comparison_does_not_overwrite_another_programs(finished_run: Path, foreign_run: Path) -> None:
    theirs = '{"comparison": "of prices"}'
    for directory in (finished_run, foreign_run):
        (directory / "comparison.json").write_text(theirs)
        done = loadtest("compare", finished_run, directory)
        assert done.returncode in {0, 3}
        assert (directory / "comparison.json").read_text() == theirs
        assert (directory / OUTPUT_DIR / "comparison.json").exists()
    (finished_run / "comparison.json").unlink()
    for _ in range(2):
        assert f"{finished_run / 'comparison.json'}" in loadtest("compare", finished_run, finished_run).stdout


def test_a_baseline_replaces_a_baseline_and_no_other_file(finished_run: Path, tmp_path: Path) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "package.json").write_text('{"name": "shop"}')
    refused = loadtest("baseline", "save", finished_run, "package", "--directory", directory)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "package.json: was not written by this suite" in refused.stderr
    assert (directory / "package.json").read_text() == '{"name": "shop"}'
    for _ in range(2):
        saved = loadtest("baseline", "save", finished_run, "chat", "--directory", directory)
        assert (saved.returncode, saved.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--output", "--dashboard"])
def test_rules_and_dashboard_replace_their_like_and_no_other_file(tmp_path: Path, option: str) -> None:
    path = tmp_path / "written"
    path.write_text("[thresholds.chat]\n")
    refused = loadtest("alerts", option, path)
    assert refused.returncode == 2
    assert "was not written by this suite" in refused.stderr
    assert path.read_text() == "[thresholds.chat]\n"
    path.write_text("")
    for _ in range(2):
        assert loadtest("alerts", option, path).returncode == 0
    assert loadtest("alerts", option, "/dev/stdout").returncode == 0


def test_a_fixture_is_not_written_over_another_programs_file(tmp_path: Path) -> None:
    path = tmp_path / "houses.jsonl"
    path.write_text('{"name": "shop"}\n')
    with pytest.raises(LoadTestError, match=r"houses\.jsonl: was not written by this suite"):
        refuse_unwritable(path, FIXTURE_MARK)
    path.write_text("")
    refuse_unwritable(path, FIXTURE_MARK)
    path.write_text('{"lot": "LV-001", "qr_token": "cut of')  # damaged, but the suite's
    refuse_unwritable(path, FIXTURE_MARK)
    assert write_fixture(path, []) == 0


def test_a_file_that_cannot_be_read_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rules.yml"
    path.write_text("theirs")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(LoadTestError, match="cannot be read: Permission denied"):
        refuse_foreign(path, re.compile(b"ours"), "Name another.")

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from built_run import BuiltRun, evenly, failing
from built_verdicts import SECRETS, VERDICTS, bad_verdict, empty_verdict, foreign_verdict, rag_verdict
from page_reader import Page
from rich.console import Console

from conf.errors import LoadTestError
from reports.rendering.html_page import render_html
from reports.rendering.json_file import render_json
from reports.rendering.terminal import print_verdict, print_verdicts
from reports.report_files import write_reports
from reports.state import State
from reports.verdict import judge_run

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import Verdict


@pytest.fixture(params=VERDICTS)
def verdict(request: pytest.FixtureRequest, tmp_path: Path) -> Verdict:
    made: Verdict = request.param(tmp_path)
    return made


def terminal_text(verdict: Verdict, report: Path | None = None, width: int = 80) -> str:
    file = io.StringIO()
    print_verdict(Console(file=file, width=width), verdict, report)
    return file.getvalue()


def test_a_report_loads_nothing_from_anywhere_and_runs_nothing(verdict: Verdict) -> None:
    html = render_html(verdict)
    page = Page(html)
    assert all(address.startswith("#") for address in page.addresses)
    assert {address[1:] for address in page.addresses} <= set(page.ids)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"url\(|@import|@font-face", html)
    assert "default-src 'none'" in html


def test_a_report_begins_with_the_verdict_as_a_word_and_a_shape(verdict: Verdict) -> None:
    html = render_html(verdict)
    page = Page(html)
    assert page.text.find(verdict.state.word) < page.text.find("What was demanded")
    assert f"<h1>{verdict.state.word}</h1>" in html
    shapes = {state: re.search(f'id="{state.name}".*?</symbol>', html) for state in State}
    assert len({shape.group() for shape in shapes.values() if shape}) == len(State)


def test_no_output_holds_a_secret(verdict: Verdict) -> None:
    for text in (render_html(verdict), render_json(verdict), terminal_text(verdict)):
        assert not [secret for secret in SECRETS if secret in text]


def test_hostile_messages_are_text_in_every_output(tmp_path: Path) -> None:
    verdict = bad_verdict(tmp_path)
    page = Page(render_html(verdict))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in render_html(verdict) + render_json(verdict) + terminal_text(verdict)
    assert "[red]&" in json.loads(render_json(verdict))["failures"][0]["message"]


def test_hostile_names_are_text_in_every_output(tmp_path: Path) -> None:
    verdict = foreign_verdict(tmp_path)
    assert "script" not in Page(render_html(verdict)).tags
    assert "\x1b" not in terminal_text(verdict)


def test_failures_that_differ_only_by_an_id_are_one_group(tmp_path: Path) -> None:
    messages = [f"404 for house {number:08d}-0000-4000-8000-000000000000" for number in range(5)]
    failures = [failing("/api/chat", 2, message=message)[0] for message in messages]
    verdict = judge_run(BuiltRun([*evenly("/api/chat", 900), *failures]).write_csv(tmp_path / "theirs"))
    assert [(group.count, group.message) for group in verdict.failures] == [(5, "404 for house [id]")]


def test_a_report_shows_every_part_of_the_record(tmp_path: Path) -> None:
    text = Page(render_html(bad_verdict(tmp_path))).text
    for part in (
        "Do not deploy", "95 of 100 within (p95)", "< 3,000 ms", "> 5,000 ms",
        "Answers with somebody else's data", "600 MB", "What to do next", "users shared a house",
        "phase17", "0a1b2c3", "locust 2.47.0", "2025-11-15 20:00:00 UTC", "by iterations",
    ):  # fmt: skip
        assert part in text


def test_the_steps_and_parts_of_a_search_are_shown(tmp_path: Path) -> None:
    text = Page(render_html(rag_verdict(tmp_path))).text
    assert "Vector search, part by part" in text
    assert "Step by step" in text
    assert "Connection wait" in text


def test_problems_stand_right_below_the_verdict(tmp_path: Path) -> None:
    text = Page(render_html(empty_verdict(tmp_path))).text
    assert text.find("Why this test is not valid") < text.find("What was demanded")
    assert "chat: was never measured" in text


def test_the_json_is_the_record(verdict: Verdict) -> None:
    document = json.loads(render_json(verdict))
    assert document["state"] == verdict.state.word
    assert [f["state"] for f in document["findings"]] == [
        None if finding.state is None else finding.state.word for finding in verdict.findings
    ]
    assert [o["requests"] for o in document["operations"]] == [row.requests for row in verdict.operations]
    assert len(document["problems"]) == len(verdict.problems)
    assert "settings" not in (document["manifest"] or {})


def test_the_terminal_shows_state_findings_and_advice(tmp_path: Path) -> None:
    text = terminal_text(bad_verdict(tmp_path)).replace("\u00a0", " ")
    assert "■ FAIL  Chat: Do not deploy" in text
    assert "< 3,000 ms" in text
    assert "Next: Stop: data of one development" in text


def test_paths_and_commands_are_never_broken_in_the_terminal(tmp_path: Path) -> None:
    report = tmp_path / ("long" * 30) / "report.html"
    verdict = bad_verdict(tmp_path)
    lines = terminal_text(verdict, report, width=50).splitlines()
    assert f"Report: {report}" in lines
    for command in (command for advice in verdict.advice for command in advice.commands):
        assert f"    {command}" in lines


def test_several_runs_are_one_table_with_what_decided_each(tmp_path: Path) -> None:
    file = io.StringIO()
    passed = judge_run(BuiltRun(evenly("chat", 900)).write(tmp_path / "chat"))
    refused = judge_run(
        BuiltRun(failing("chat", 60, message="HTTP 401 Unauthorized")).write(tmp_path / "refused")
    )
    runs = [
        (passed, tmp_path / "a.html"),
        (rag_verdict(tmp_path), tmp_path / "b.html"),
        (refused, tmp_path / "c.html"),
    ]
    print_verdicts(Console(file=file, width=120), runs)
    text = file.getvalue()
    assert re.search(r"Chat +● PASS +100 +0", text)
    assert re.search(r"Chat +■ FAIL +60 +60 +The portal accepts none of the homeowners' JWTs", text)
    assert all(str(report) in text for _, report in runs)


def test_reports_are_written_whole_and_leave_nothing_else(tmp_path: Path) -> None:
    verdict = empty_verdict(tmp_path)
    before = {path.name for path in (tmp_path / "empty").iterdir()}
    report = write_reports(verdict, tmp_path / "empty")
    assert report.read_text() == render_html(verdict)
    assert {path.name for path in (tmp_path / "empty").iterdir()} - before == {
        "verdict.json", "report.html", "junit.xml", "summary.md",
    }  # fmt: skip


def test_writing_again_replaces_the_old_report(tmp_path: Path) -> None:
    directory = tmp_path / "empty"
    write_reports(empty_verdict(tmp_path), directory)
    (directory / "verdict.json").write_text('{"format": 1, "state": "PASS", "headline": "old"}')
    write_reports(judge_run(directory), directory)
    assert json.loads((directory / "verdict.json").read_text())["format"] == 1


def test_a_directory_that_cannot_be_written_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    verdict = empty_verdict(tmp_path)
    (tmp_path / "empty" / "verdict.json").mkdir()
    with pytest.raises(LoadTestError, match=r"verdict\.json: cannot be written") as caught:
        write_reports(verdict, tmp_path / "empty")
    assert caught.value.next_step
    assert not [path for path in (tmp_path / "empty").iterdir() if path.name.startswith(".")]


def test_a_report_of_many_failures_stays_small(tmp_path: Path) -> None:
    failures = [failing("chat", 1, message=f"HTTP 500 number {number}")[0] for number in range(200)]
    html = render_html(judge_run(BuiltRun([*evenly("chat", 900), *failures]).write(tmp_path / "run")))
    assert len(html) < 200_000


@pytest.mark.parametrize(
    ("salt", "said"),
    [("", "9 of asked.txt, zipf 1.1"), ("4f2a", "9 of asked.txt, zipf 1.1, salted with 4f2a")],
)
def test_a_report_says_which_questions_were_asked(tmp_path: Path, salt: str, said: str) -> None:
    asked = {"file": "asked.txt", "distinct": 9, "mix": "zipf 1.1", "salt": salt}
    run = BuiltRun(evenly("chat", 60), manifest={"questions": asked}).write(tmp_path / "run")
    assert f"Questions {said} " in Page(render_html(judge_run(run))).text

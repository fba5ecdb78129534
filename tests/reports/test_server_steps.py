"""Where the time went: the portal's own account of its answers, beside what the user waited."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from built_run import BuiltRun, Result, evenly, failing

from conf.operations import Operation
from reports.charts.gallery import draw_charts
from reports.judgement.server_steps import slowest_step
from reports.rendering.html_page import render_html
from reports.rendering.summary import render_summary
from reports.verdict import judge_run
from reports.wording.sentences import server_steps_text

if TYPE_CHECKING:
    from pathlib import Path


def answers(count: int = 100, **server_ms: float) -> list[Result]:
    return [Result("chat", 1000, server_ms=tuple(server_ms.items())) for _ in range(count)]


def test_each_step_has_its_latency_and_its_share_of_the_mean_answer(tmp_path: Path) -> None:
    run = BuiltRun(answers(auth=10, retrieval=190, llm=700)).write(tmp_path / "run")
    rows = judge_run(run).server_steps
    assert [row.label for row in rows[:3]] == ["Authentication", "Chunk retrieval", "Model"]
    assert [row.requests for row in rows] == [100] * 4
    assert [row.latency.p95_ms for row in rows[:3]] == pytest.approx([10, 190, 700], rel=1e-3)
    assert rows[3].latency.p95_ms is None
    assert [row.share for row in rows] == pytest.approx([0.01, 0.19, 0.7, 0.1], abs=2e-3)


def test_what_no_step_accounts_for_is_the_rest_and_never_less_than_nothing(tmp_path: Path) -> None:
    run = BuiltRun(answers(llm=1200)).write(tmp_path / "run")
    rest = judge_run(run).server_steps[-1]
    assert (rest.name, rest.latency.mean_ms, rest.share) == ("", 0.0, 0.0)


def test_the_results_themselves_are_counted_once(tmp_path: Path) -> None:
    run = BuiltRun([*answers(auth=10, llm=700), *failing("chat", 1)]).write(tmp_path / "run")
    verdict = judge_run(run)
    assert verdict.problems == ()
    (chat,) = verdict.operations
    assert (chat.requests, chat.failures) == (101, 1)
    assert chat.latency.min_ms == pytest.approx(1000, rel=1e-3)


def test_a_step_that_only_some_answers_had_weighs_less(tmp_path: Path) -> None:
    run = BuiltRun([*answers(50, llm=800, insert=100), *answers(50, llm=800)]).write(tmp_path / "run")
    insert = next(row for row in judge_run(run).server_steps if row.name == "insert")
    assert insert.label == "insert"  # no manifest calls it anything else
    assert insert.share == pytest.approx(0.05, abs=1e-3)


def test_where_not_all_answers_told_the_rest_is_not_known(tmp_path: Path) -> None:
    run = BuiltRun([*answers(50, llm=800), *evenly("chat", 900, 50)]).write(tmp_path / "run")
    assert [row.name for row in judge_run(run).server_steps] == ["llm"]


def test_a_portal_without_the_header_loses_nothing(tmp_path: Path) -> None:
    told = judge_run(BuiltRun(answers(llm=800)).write(tmp_path / "told"))
    silent = judge_run(BuiltRun(answers()).write(tmp_path / "silent"))
    assert silent.server_steps == ()
    assert (silent.state, silent.findings, silent.operations) == (
        told.state,
        told.findings,
        told.operations,
    )
    assert "where the time went" not in render_html(silent)


def test_every_report_says_where_the_time_went(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(answers(auth=10, retrieval=190, llm=700)).write(tmp_path / "run"))
    (line,) = server_steps_text(verdict)
    assert line.replace("\u00a0", " ") == (
        "Chat answer: Model 70.0 %, Chunk retrieval 19.0 %, "
        "Network, and what the portal does not name 10.0 %, Authentication 1.0 %."
    )
    assert "Chat answer: where the time went" in render_html(verdict)
    assert "Where the time went: Chat answer: Model 70.0" in render_summary(verdict)


def test_the_slowest_step_is_the_one_with_the_largest_share(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(answers(auth=10, retrieval=190, llm=700)).write(tmp_path / "run"))
    slowest = slowest_step(verdict.server_steps, Operation.CHAT)
    assert slowest is not None
    assert slowest.name == "llm"
    assert slowest_step(verdict.server_steps, Operation.ONBOARDING_PAGE) is None


def test_a_chart_draws_each_step_over_time_and_names_it(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(answers(auth=10, retrieval=190, llm=700)).write(tmp_path / "run"))
    assert verdict.course is not None
    (chat,) = verdict.course.operations
    assert chat.server_steps == ("Authentication", "Chunk retrieval", "Model")
    assert [window.steps_ms for window in chat.windows] == [
        tuple(pytest.approx(ms, rel=2e-3) for ms in (10, 190, 700))
    ] * len(chat.windows)
    ((_, drawings),) = draw_charts(verdict)
    (drawing,) = (one for one in drawings if one.title == "Where the time went, step by step")
    assert drawing.caption == "Model takes longest: up to 700\u00a0ms on average."
    assert {"Authentication", "Chunk retrieval", "Model"} <= set(re.findall(r">([^<>]+)</text>", drawing.svg))
    assert "Authentication 10.0\u00a0ms, Chunk retrieval 190\u00a0ms, Model 700\u00a0ms" in drawing.svg


def test_a_portal_that_tells_nothing_has_no_such_chart(tmp_path: Path) -> None:
    ((_, drawings),) = draw_charts(judge_run(BuiltRun(answers()).write(tmp_path / "run")))
    assert "Where the time went, step by step" not in {drawing.title for drawing in drawings}

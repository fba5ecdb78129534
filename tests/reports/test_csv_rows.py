"""Criteria about the requests of another project: by method and name, by name, by a pattern, or all together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import warm_python
from built_run import BuiltRun, Result, evenly, failing

from conf.errors import SettingsError
from conf.layers import CONF_DIR
from conf.loading import load_settings
from conf.subject import Subject, parse_subject, row_subject
from conf.thresholds import Limits
from reports.rendering.summary import render_summary
from reports.state import State
from reports.verdict import judge_run

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import Verdict

QUICK = {"p95_ms": Limits(pass_below=3000, fail_above=5000)}
STRICT = {"p95_ms": Limits(pass_below=100, fail_above=200)}
GOOD = {"success_ratio": Limits(pass_above=0.95, fail_below=0.9)}


def judged(directory: Path, results: list[Result], **thresholds: dict[str, Limits]) -> Verdict:
    return judge_run(BuiltRun(results).write_csv(directory / "theirs"), thresholds)


def subjects(verdict: Verdict) -> dict[str, State | None]:
    return {finding.subject: finding.state for finding in verdict.findings}


def codes(verdict: Verdict) -> list[str]:
    return [problem.code for problem in verdict.problems]


@pytest.mark.parametrize(
    "text",
    ["POST /predict", "/predict", "* /predict", "POST /pre*", "*", "*/predict", "aggregated", "Aggregated"],
)
def test_a_criterion_finds_the_row_that_it_names(tmp_path: Path, text: str) -> None:
    results = evenly("/predict", 900)
    assert judged(tmp_path / "quick", results, **{text: QUICK}).state is State.PASS
    assert judged(tmp_path / "slow", results, **{text: STRICT}).state is State.FAIL


def test_a_pattern_judges_each_row_by_itself_and_the_worst_counts(tmp_path: Path) -> None:
    results = [*evenly("/api/a", 50), *evenly("/api/b", 900), *evenly("/other", 9000)]
    verdict = judged(tmp_path, results, **{"* /api/*": STRICT})
    assert subjects(verdict) == {"POST /api/a": State.PASS, "POST /api/b": State.FAIL}
    assert verdict.state is State.FAIL


@pytest.mark.parametrize(
    "name", ["/users/[id]", "/a?b=*", "/files/a.b@c", "/ä b", 'say "x"/', "a\\b/", "/" + "x" * 300]
)
def test_a_name_with_odd_characters_is_named_as_it_is(tmp_path: Path, name: str) -> None:
    results = [*evenly(name, 900), *evenly("/users/i", 9000)]
    verdict = judged(tmp_path, results, **{f"POST {name}": QUICK})
    assert subjects(verdict) == {f"POST {name}": State.PASS}
    assert verdict.state is State.PASS


def two_methods(directory: Path) -> Path:
    """400 of POST, 40 of them failed, and 5 of GET, under one name."""
    rows = ["POST,/cart,400,40,800,850,300,2100,9,4,0,800,1500,1900", "GET,/cart,5,0,800,850,300,2100,9,4,0,800,1500,1900",
            ",Aggregated,405,40,800,850,300,2100,9,4,0,800,1500,1900"]  # fmt: skip
    head = (
        "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
        "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,95%,99%"
    )
    directory.mkdir()
    (directory / "r_stats.csv").write_text("\r\n".join([head, *rows, ""]))
    error = "HTTPError('429 Client Error: Too Many Requests for url: /cart')"
    (directory / "r_failures.csv").write_text(f'Method,Name,Error,Occurrences\r\nPOST,/cart,"{error}",40\r\n')
    return directory


def test_two_rows_of_one_name_are_two_in_criteria_and_denominators(tmp_path: Path) -> None:
    directory = two_methods(tmp_path / "shop")
    verdict = judge_run(directory, {"POST /cart": GOOD})
    assert subjects(verdict) == {"POST /cart": State.WARN}
    (advice,) = verdict.advice
    assert advice.evidence.startswith("POST /cart: 40 of 400 requests: ")
    ambiguous = judge_run(directory, {"/cart": GOOD})
    assert (ambiguous.state, "ambiguous_criterion" in codes(ambiguous)) == (State.NO_VERDICT, True)
    assert '[thresholds."POST /cart"], [thresholds."GET /cart"]' in ambiguous.problems[0].next_step
    both = judge_run(directory, {"* /cart": GOOD}, minimum_requests=5)
    assert subjects(both) == {"POST /cart": State.WARN, "GET /cart": State.PASS}


def test_a_criterion_that_names_no_row_is_no_verdict_also_where_others_pass(tmp_path: Path) -> None:
    verdict = judged(tmp_path, evenly("/predict", 900), **{"/predict": QUICK, "POST /predcit": STRICT})
    assert (verdict.state, codes(verdict)) == (State.NO_VERDICT, ["never_measured"])
    assert '[thresholds."POST /predict"]' in verdict.problems[0].next_step


def test_a_row_of_too_few_requests_is_not_judged_to_pass(tmp_path: Path) -> None:
    assert judged(tmp_path, evenly("/predict", 900, count=3), **{"/predict": QUICK}).state is State.NO_VERDICT


def test_a_percentile_that_the_file_does_not_hold_is_no_verdict(tmp_path: Path) -> None:
    demand = {"p97_ms": Limits(pass_below=3000)}
    verdict = judged(tmp_path, evenly("/predict", 900), aggregated=demand)
    assert verdict.state is State.NO_VERDICT
    assert verdict.findings[0].note == (
        "not among the figures of this run; its percentiles are p50_ms, p66_ms, p75_ms, p80_ms, p90_ms, p95_ms, p98_ms, "
        "p99_ms, p99_9_ms, p99_99_ms"
    )


def test_the_rate_of_a_row_is_of_its_successes(tmp_path: Path) -> None:
    results = [*evenly("/predict", 900, count=40), *failing("/predict", 160)]
    (finding,) = judged(tmp_path, results, **{"/predict": {"per_second": Limits(pass_above=5)}}).findings
    assert (finding.value, finding.state) == (pytest.approx(4), State.WARN)  # 20 requests per second


def test_a_run_in_which_all_failed_fails(tmp_path: Path) -> None:
    results = failing("/predict", 100, message="HTTPError('503 Server Error: x')")
    for text in ("POST /predict", "* *", "aggregated"):
        assert judged(tmp_path / text.replace("/", "_"), results, **{text: GOOD}).state is State.FAIL


def test_an_operation_of_the_suite_has_no_row_in_a_run_of_the_suite(tmp_path: Path) -> None:
    directory = BuiltRun(evenly("chat", 900)).write(tmp_path / "run")
    for text in ("POST chat", "aggregated", "* *"):
        verdict = judge_run(directory, {"chat": QUICK, text: QUICK})
        assert (verdict.state, codes(verdict)) == (State.NO_VERDICT, ["never_measured"])


@pytest.mark.parametrize(
    ("subject", "metric", "complaint"),
    [
        ("login", "p95_ms", 'written with its method, or with * before it: "* login"'),
        ("POST /a", "rss_mb", "POST /a has no rss_mb; allowed: success_ratio"),
        ("POST /a", "goodput_ratio", "POST /a has no goodput_ratio"),
        (
            "POST /a",
            "planned_p95_ms",
            "POST /a has no planned_p95_ms: a row of a CSV file has no planned start",
        ),
        (
            "POST /a",
            "attempt_p95_ms",
            "POST /a has no attempt_p95_ms: a row of a CSV file has no percentile of",
        ),
    ],
)
def test_what_cannot_be_demanded_of_a_row_is_refused(subject: str, metric: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(complaint)):
        load_settings({"thresholds": {subject: {metric: {"pass_below": 1}}}}, environ={})


def test_a_row_cannot_stop_a_run() -> None:
    with pytest.raises(SettingsError, match="only criteria about operations can stop"):
        load_settings(
            {"thresholds": {"POST /a": {"p95_ms": {"fail_above": 1, "stop_early": True}}}}, environ={}
        )


@pytest.mark.parametrize(
    ("method", "name"), [("POST", "/a"), ("", "login"), ("GET", "chat"), ("", "chat.timeout")]
)
def test_each_row_has_a_subject_that_names_it(method: str, name: str) -> None:
    subject = parse_subject(row_subject(method, name))
    assert subject == Subject(None, rows=row_subject(method, name))
    assert subject.names_row(method, name)


# --- without a criterion


def report_on(directory: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = ["loadtest", "report", str(directory), *map(str, arguments)]
    return warm_python.run(words, env={**os.environ, "COLUMNS": "120"})


def test_without_a_criterion_the_figures_are_shown_and_the_advice_can_be_followed(tmp_path: Path) -> None:
    name = '/it\'s "odd" $(touch hacked)'
    directory = BuiltRun([*evenly("/predict", 900), *evenly(name, 300)]).write_csv(tmp_path / "their run")
    done = report_on(directory)
    assert done.returncode == 3
    assert re.search(r"POST /predict +100 +100 % +460 +860 +900", done.stdout.replace("\u00a0", " "))
    assert "No criterion names any request of this run" in done.stdout
    assert '[thresholds."POST /predict"]' in done.stdout
    assert "| POST /predict | 100 | 100 % |" in render_summary(judge_run(directory)).replace("\u00a0", " ")
    (advice,) = judge_run(directory).advice
    write, judge = advice.commands
    script = f"{write}\n{judge.replace('loadtest ', f'{sys.executable} -m loadtest ', 1)}"
    followed = subprocess.run(
        ["sh", "-c", script], check=False, cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109
    )  # fmt: skip
    assert (followed.returncode, followed.stderr) == (0, "")
    assert "PASS" in followed.stdout
    assert not (tmp_path / "hacked").exists()


def test_a_contract_of_ones_own_says_which_requests_are_operations(tmp_path: Path) -> None:
    directory = BuiltRun(evenly("/predict", 900)).write_csv(tmp_path / "theirs")
    shipped = (CONF_DIR / "contracts" / "phase17.toml").read_text()
    contract = tmp_path / "contract.toml"
    contract.write_text(shipped.replace('path = "/api/chat"', 'path = "/predict"'))
    config = tmp_path / "my.toml"
    config.write_text(f'[target]\ncontract = "{contract}"\n')
    done = report_on(directory, "--config", config)
    assert (done.returncode, "Chat answer" in done.stdout) == (0, True)


def test_advice_about_the_suites_portal_is_not_given_to_others(tmp_path: Path) -> None:
    results = [
        *evenly("/api/chat", 9000),
        *failing("/api/chat", 9, message="HTTPError('401 Client Error: Unauthorized for url: /api/chat')"),
        *failing("/api/chat", 9, message="HTTPError('500 Server Error: x for url: /api/chat')"),
        *failing("/api/chat", 9, message="ConnectionRefusedError(111, 'Connection refused')"),
        *failing("/api/qr/resolve", 9, message="BadStatusCode('http://shop.example/500', code=404)"),
        *failing(
            "/api/qr/resolve",
            9,
            message='ReadTimeout(ReadTimeoutError("HTTPConnectionPool: Read timed out."))',
        ),
    ]
    verdict = judge_run(BuiltRun(results).write_csv(tmp_path / "theirs"))
    assert [advice.code for advice in verdict.advice] == [
        "unauthorized", "not_found", "unreachable", "timed_out", "server_error",
    ]  # fmt: skip
    said = " ".join(
        text for advice in verdict.advice for text in (advice.title, advice.cause, *advice.commands)
    )
    assert not re.search(r"JWT|SESSION_SECRET|seed|LOADTEST|homeowner|pgvector|doc_chunks|chat", said)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("HTTPError('404 Client Error: Not Found for url: http://shop.example/500')", "http_404"),
        ("404 Client Error: NOT FOUND for url: http://shop.example/", "http_404"),
        ("BadStatusCode('http://shop.example/books/404', code=503)", "http_503"),
        ("CatchResponseError('Got status code 502')", "http_502"),
        ("unexpected status: 418", "http_418"),
        ("CatchResponseError('order 500 has no price')", ""),
        ("CatchResponseError('/items/404 is empty')", ""),
        ("ConnectionRefusedError(111, 'Connection refused')", "not_connected"),
        ("RemoteDisconnected('Remote end closed connection without response')", "broken_off"),
        ("ConnectionResetError(104, 'Connection reset by peer')", "broken_off"),
        ("socket.gaierror(-2, 'Name or service not known')", "not_connected"),
        ("TimeoutError('timed out')", "timed_out"),
        ("AssertionError('no price')", ""),
    ],
)
def test_a_failure_of_another_project_is_known_by_the_words_of_its_library(
    tmp_path: Path, message: str, code: str
) -> None:
    verdict = judge_run(BuiltRun(failing("/a", 9, message=message)).write_csv(tmp_path / "theirs"))
    assert [group.code for group in verdict.failures] == [code]


@pytest.mark.parametrize("name", ["/predict", "/api/chat"])
def test_a_run_in_which_all_failed_fails_also_without_the_file_of_failures(tmp_path: Path, name: str) -> None:
    directory = BuiltRun(failing(name, 100)).write_csv(tmp_path / "theirs", "x")
    (directory / "x_failures.csv").unlink()
    verdict = judge_run(directory)
    assert (verdict.state, verdict.problems) == (State.FAIL, ())
    assert any("The messages of the 100 failures are not known" in note for note in verdict.notes)


def test_a_run_of_another_project_in_which_all_failed_fails_without_any_criterion(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(failing("/predict", 100)).write_csv(tmp_path / "theirs"))
    assert verdict.state is State.FAIL
    assert "| POST /predict | 100 | 0 % |" in render_summary(verdict).replace("\u00a0", " ")

from __future__ import annotations

import json
import re
import shlex
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import typer
from built_run import BuiltRun, evenly, failing
from built_verdicts import HOSTILE, SECRETS, VERDICTS
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from conf.layers import CONF_DIR
from conf.operations import Journey
from conf.thresholds import Limits
from loadtest.app import app
from reports import own_files
from reports.finding import ISOLATION, Finding
from reports.problem import Problem
from reports.record import Advice, FailureGroup
from reports.rendering import summary
from reports.rendering.json_file import render_json
from reports.rendering.junit_file import render_junit
from reports.rendering.schema import SCHEMA_FILE, build_schema, render_schema
from reports.rendering.summary import render_summary
from reports.rendering.terminal import state_text
from reports.report_files import write_reports
from reports.state import State
from reports.statistics.certainty import Interval, Method
from reports.verdict import judge_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

    from reports.record import Verdict

ROOT = Path(__file__).parents[2]
WORKFLOW = (ROOT / ".github" / "workflows" / "loadtest.yml").read_text(encoding="utf-8")
WRITTEN = {own_files.VERDICT_FILE, own_files.JUNIT_FILE, own_files.SUMMARY_FILE, own_files.REPORT_FILE}
OUTCOMES = {
    State.PASS: None,
    State.WARN: None,
    State.FAIL: "failure",
    State.NO_VERDICT: "error",
    None: "skipped",
}
MARKUP = (
    "<b>", "</table>", "<!--", "]]>", "&lt;", "&#10;", "|", "\\", "`", "```", "*", "**", "_", "__", "~~", "$", "[a](b)",
    "![", "](", "\n", "\n\n", "# ", "- ", "---", "> ", "<a@b.c>", "\u00a0", " ", "a", "1",
)  # fmt: skip
TEXT = st.text(st.characters()) | st.lists(st.sampled_from(MARKUP)).map("".join)
"""Control characters, lone surrogates, and what HTML, XML and Markdown take for their own."""
FINDING = st.builds(
    Finding,
    subject=TEXT,
    metric=st.just(ISOLATION),
    value=st.none() | st.integers(0, 99),
    limits=st.none(),
    state=st.sampled_from([*State, None]),
    note=TEXT,
)
PROBLEM = st.builds(Problem, code=TEXT, message=TEXT, next_step=TEXT, at=TEXT)
FAILURE = st.builds(
    FailureGroup,
    name=TEXT,
    method=TEXT,
    operation=st.none(),
    outcome=st.none(),
    message=TEXT,
    count=st.integers(1, 99),
)
ADVICE = st.builds(
    Advice, code=TEXT, title=st.just("Look"), evidence=TEXT, cause=TEXT, commands=st.tuples(TEXT, TEXT)
)
P95 = Limits(pass_below=3000, fail_above=5000)


def passed_verdict(tmp_path: Path) -> Verdict:
    return judge_run(BuiltRun(evenly("chat", 900, count=400)).write(tmp_path / "passed"))


def mixed_verdict(tmp_path: Path) -> Verdict:
    results = [*evenly("chat", 2600), *evenly("onboarding_page", 90), *evenly("onboarding_resolve", 90)]
    journeys = (Journey.CHAT, Journey.ONBOARDING)
    run = BuiltRun([*results, *evenly("onboarding_flow", 190), *failing("chat", 2)], journeys=journeys)
    return judge_run(run.write(tmp_path / "mixed"))


BUILT = [passed_verdict, mixed_verdict, *VERDICTS]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    directory = tmp_path_factory.mktemp("outputs")
    return {build.__name__: build(directory) for build in BUILT}


@pytest.fixture(scope="module", params=[build.__name__ for build in BUILT])
def verdict(request: pytest.FixtureRequest, verdicts: dict[str, Verdict]) -> Verdict:
    return verdicts[request.param]


@pytest.fixture(scope="module")
def passed(verdicts: dict[str, Verdict]) -> Verdict:
    return verdicts["passed_verdict"]


# --- junit.xml


def suite_of(verdict: Verdict) -> ET.Element:
    root = ET.fromstring(render_junit(verdict).encode())  # noqa: S314 - our own
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "time")} == {
        name: suite.get(name) for name in ("tests", "failures", "errors", "time")
    }
    return suite


def outcomes(suite: ET.Element) -> list[str | None]:
    """What each case says of itself; None where it passed."""
    return [
        next((part.tag for part in case if part.tag != "system-out"), None)
        for case in suite.findall("testcase")
    ]


def names(suite: ET.Element) -> list[tuple[str | None, str | None]]:
    return [(case.get("classname"), case.get("name")) for case in suite.findall("testcase")]


def expected_outcomes(verdict: Verdict) -> list[str | None]:
    return [*(OUTCOMES[finding.state] for finding in verdict.findings), *("error" for _ in verdict.problems)]


def test_each_criterion_and_each_problem_is_a_test_case_with_its_state(verdict: Verdict) -> None:
    assert outcomes(suite_of(verdict)) == expected_outcomes(verdict)


def test_the_counts_of_a_suite_are_those_of_its_cases(verdict: Verdict) -> None:
    suite = suite_of(verdict)
    found = outcomes(suite)
    assert suite.get("tests") == str(len(found))
    for attribute, tag in {"failures": "failure", "errors": "error", "skipped": "skipped"}.items():
        assert suite.get(attribute) == str(found.count(tag))


def test_something_fails_in_junit_exactly_where_the_verdict_is_fail_or_no_verdict(verdict: Verdict) -> None:
    fails = bool({"failure", "error"} & set(outcomes(suite_of(verdict))))
    assert fails == (verdict.state >= State.FAIL)


def test_every_part_of_a_suite_is_one_that_ci_servers_know(verdict: Verdict) -> None:
    """By the schema of Jenkins' xUnit plugin, the strictest of them."""
    known = {
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        "properties": set(), "property": {"name", "value"}, "testcase": {"classname", "name", "time"},
        "failure": {"message", "type"}, "error": {"message", "type"}, "skipped": {"message", "type"},
        "system-out": set(),
    }  # fmt: skip
    for part in suite_of(verdict).iter():
        assert set(part.keys()) <= known[part.tag], part.tag
        assert re.fullmatch(r"\d+(\.\d{3})?", part.get("time", "0"))


def test_a_text_says_as_much_as_its_message_for_gitlab_shows_the_text(verdict: Verdict) -> None:
    for part in suite_of(verdict).iter():
        if message := part.get("message"):
            assert " ".join((part.text or "").split()).startswith(message)


def test_test_cases_keep_their_names_from_run_to_run(tmp_path: Path, passed: Verdict) -> None:
    slow = judge_run(BuiltRun([*evenly("chat", 9000), *failing("chat", 50)]).write(tmp_path / "slow"))
    assert slow.state is State.FAIL
    assert names(suite_of(slow)) == names(suite_of(passed))
    assert names(suite_of(passed))[0] == ("loadtest.chat", "chat.success_ratio")


def test_the_journeys_of_one_job_have_test_cases_of_their_own(verdicts: dict[str, Verdict]) -> None:
    found = [names(suite_of(verdicts[name])) for name in ("passed_verdict", "rag_verdict", "mixed_verdict")]
    assert len({case for cases in found for case in cases}) == sum(len(cases) for cases in found)


def test_problems_of_one_kind_have_test_cases_of_their_own(passed: Verdict) -> None:
    problems = tuple(Problem(code, "A worker was lost") for code in ("lost", "lost", "lost (2)", "lost"))
    found = names(suite_of(replace(passed, findings=(), problems=problems)))
    assert [name for _, name in found] == [
        "problem.lost",
        "problem.lost (2)",
        "problem.lost (2) (2)",
        "problem.lost (3)",
    ]


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        pytest.param(
            Finding("chat", "p95_ms", 6652.4, P95, State.FAIL, count=100, certain=True,
                    interval=Interval(6301, 6903, Method.ORDER_STATISTICS)),
            "Chat answer: 95 of 100 within (p95): 6,652 ms; passes < 3,000 ms; fails > 5,000 ms; "
            "95 % interval 6,301 \u2013 6,903 ms at n = 100",
            id="certain",
        ),
        pytest.param(
            Finding("chat", "p95_ms", 2950, P95, State.PASS, count=60, certain=False,
                    interval=Interval(2700, 3050, Method.ORDER_STATISTICS)),
            "PASS: Chat answer: 95 of 100 within (p95): 2,950 ms; passes < 3,000 ms; fails > 5,000 ms; "
            "not certain at n = 60: 95 % interval 2,700 \u2013 3,050 ms",
            id="uncertain",
        ),
        pytest.param(
            Finding("chat", "p95_ms", 2950, P95, State.PASS, count=40, certain=False),
            "PASS: Chat answer: 95 of 100 within (p95): 2,950 ms; passes < 3,000 ms; fails > 5,000 ms; "
            "not certain at n = 40: p95 needs 59",
            id="too few",
        ),
        pytest.param(
            Finding("portal", "rss_mb_per_hour", 12, Limits(pass_below=10), State.WARN),
            "WARN: Portal process: Memory: growth: 12.0 MB/h; passes < 10 MB/h",
            id="no results to count",
        ),
        pytest.param(
            Finding("chat", "p95_ms", None, P95, State.NO_VERDICT, "never measured"),
            "Chat answer: 95 of 100 within (p95): not measured; passes < 3,000 ms; fails > 5,000 ms; "
            "never measured",
            id="no value",
        ),
    ],
)  # fmt: skip
def test_a_test_case_says_value_limits_interval_and_certainty(
    passed: Verdict, finding: Finding, text: str
) -> None:
    case = suite_of(replace(passed, findings=(finding,))).find("testcase")
    assert case is not None
    assert case[0].text == text


def test_a_suite_says_which_run_it_was(passed: Verdict) -> None:
    suite = suite_of(passed)
    assert suite.get("timestamp") == "2025-11-15T20:00:00"
    assert suite.get("time") == "10.000"
    properties = {found.get("name"): found.get("value") for found in suite.iter("property")}
    assert properties["git_commit"] == "0a1b2c3"
    assert properties["profile"] == "phase17"


@given(st.lists(FINDING, max_size=4), st.lists(PROBLEM, max_size=4), TEXT)
def test_whatever_texts_hold_the_xml_has_the_same_cases(
    passed: Verdict, findings: list[Finding], problems: list[Problem], note: str
) -> None:
    made = replace(
        passed, findings=tuple(findings), problems=tuple(problems), notes=(note,), run_id=note, manifest=None
    )
    suite = suite_of(made)
    assert outcomes(suite) == expected_outcomes(made)
    assert len(set(names(suite))) == len(findings) + len(problems)


# --- summary.md


def markdown(text: str) -> list[Token]:
    """As GitHub reads it: CommonMark with tables, struck-out text and HTML."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def inlines(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or ()]


def cells(tokens: list[Token], tag: str = "td") -> list[str]:
    """What a reader sees in the cells of all tables; lines of one cell are joined by a bar."""
    return [plain(after) for token, after in pairwise(tokens) if token.type == f"{tag}_open"]


def plain(token: Token) -> str:
    shown = ("|" if child.type == "html_inline" else child.content for child in token.children or ())
    return "".join(shown).replace("\u00a0", " ")


def seen(text: str) -> str:
    """A text from outside as a reader is to see it."""
    return summary._cut(summary._line(text)).replace("\u00a0", " ")


def test_a_summary_begins_with_the_state_as_shape_and_word_and_the_headline(verdict: Verdict) -> None:
    first, _, second = render_summary(verdict).splitlines()[:3]
    assert first.startswith(f"## {state_text(verdict.state).plain}: ")
    assert verdict.state is not State.PASS or second.startswith("Nothing here speaks against deploying")


@pytest.mark.parametrize("state", [*State, None])
def test_a_state_looks_the_same_in_the_summary_and_in_the_terminal(state: State | None) -> None:
    assert summary._state(state) == state_text(state).plain


def test_a_summary_shows_every_criterion_and_every_problem(verdict: Verdict) -> None:
    tokens = markdown(render_summary(verdict))
    states = {state_text(state).plain for state in OUTCOMES}
    assert len([cell for cell in cells(tokens) if cell in states]) >= len(verdict.findings)
    assert items(tokens) == [problem_item(problem) for problem in verdict.problems]


def test_a_summary_shows_steps_advice_and_how_the_run_was_made(verdicts: dict[str, Verdict]) -> None:
    text = render_summary(verdicts["rag_verdict"])
    assert "### Step by step" in text
    assert "| 50 | 39 |" in text
    assert "commit 0a1b2c3, profile phase17, target http://127.0.0.1:5000" in text
    fenced = [token.content for token in markdown(text) if token.type == "fence"]
    assert fenced == ["\n".join(advice.commands) + "\n" for advice in verdicts["rag_verdict"].advice]


def test_backticks_in_a_command_do_not_end_its_block(passed: Verdict) -> None:
    advice = Advice("look", "Look", "something", "Because.", ("```", "echo `date`", "````"))
    tokens = markdown(render_summary(replace(passed, advice=(advice,))))
    assert [token.content for token in tokens if token.type == "fence"] == ["```\necho `date`\n````\n"]


def test_a_summary_says_what_is_not_certain(passed: Verdict) -> None:
    finding = Finding("chat", "p95_ms", 2950, P95, State.PASS, count=60, certain=False,
                      interval=Interval(2700, 3050, Method.ORDER_STATISTICS))  # fmt: skip
    shown = cells(markdown(render_summary(replace(passed, findings=(finding,)))))
    assert shown[1:3] == [
        "Chat answer: 95 of 100 within (p95)|not certain at n = 60: 95 % interval 2,700 \u2013 3,050 ms",
        "2,950 ms",
    ]


def test_a_summary_shows_the_interval_below_the_value(passed: Verdict) -> None:
    finding = Finding("chat", "p95_ms", 2150, P95, State.PASS, count=600, certain=True,
                      interval=Interval(2100, 2200, Method.ORDER_STATISTICS))  # fmt: skip
    shown = cells(markdown(render_summary(replace(passed, findings=(finding,)))))
    assert shown[1:3] == ["Chat answer: 95 of 100 within (p95)", "2,150 ms|2,100 \u2013 2,200 ms"]


def test_a_hostile_text_is_text_in_a_summary(verdicts: dict[str, Verdict]) -> None:
    text = render_summary(verdicts["bad_verdict"])
    assert not {token.content for token in inlines(markdown(text)) if token.type == "html_inline"} - {"<br>"}
    assert any(HOSTILE.replace("\x1b", "?") in cell for cell in cells(markdown(text)))


@given(
    st.fixed_dictionaries(
        {
            "findings": st.lists(FINDING, max_size=3).map(tuple),
            "problems": st.lists(PROBLEM, max_size=3).map(tuple),
            "failures": st.lists(FAILURE, max_size=3).map(tuple),
            "advice": st.lists(ADVICE, max_size=2).map(tuple),
            "notes": st.tuples(TEXT),
            "run_id": TEXT,
            "judged_by": TEXT,
        }
    )
)
def test_whatever_texts_hold_a_summary_shows_them_as_they_are(
    passed: Verdict, outside: dict[str, Any]
) -> None:
    made = replace(passed, manifest=None, **outside)
    text = render_summary(made)
    tokens = markdown(text)
    text.encode()
    assert {token.type for token in inlines(tokens)} <= {
        "text", "html_inline", "strong_open", "strong_close", "code_inline",
    }  # fmt: skip
    assert {token.content for token in inlines(tokens) if token.type == "html_inline"} <= {"<br>"}
    assert "html_block" not in {token.type for token in tokens}
    assert len(cells(tokens)) == 5 * len(made.findings) + 4 * len(made.failures)
    assert cells(tokens)[5 * len(made.findings) + 3 :: 4] == [seen(group.message) for group in made.failures]
    assert [token.content for token in tokens if token.type == "fence"] == [
        "\n".join(map(summary._line, advice.commands)) + "\n" for advice in made.advice
    ]
    assert items(tokens) == [problem_item(problem) for problem in made.problems]


def items(tokens: list[Token]) -> list[str]:
    """What a reader sees in the list."""
    return [" ".join(plain(token).split()) for token in tokens if token.type == "inline" and token.level == 3]


def problem_item(problem: Problem) -> str:
    next_step = f"|Next: {seen(problem.next_step)}" if problem.next_step else ""
    return " ".join(f"Not valid: {seen(problem.message)}{next_step}".split())


def test_a_summary_of_many_failures_and_long_texts_stays_on_a_screen(passed: Verdict) -> None:
    long = "|" * 100_000
    made = replace(
        passed,
        problems=tuple(Problem("lost", long, long) for _ in range(500)),
        failures=tuple(FailureGroup(long, "POST", None, None, long, 1) for _ in range(500)),
        notes=(long,),
    )
    text = render_summary(made)
    assert len(text.encode()) < 128 * 1024
    assert "… and 480 more" in text
    assert "… and 495 more" in text


def test_no_output_for_machines_holds_a_secret(verdict: Verdict) -> None:
    for text in (render_junit(verdict), render_summary(verdict)):
        assert not [secret for secret in SECRETS if secret in text]


def test_the_same_record_gives_the_same_files(verdict: Verdict) -> None:
    for render in (render_json, render_junit, render_summary):
        assert render(verdict) == render(verdict)


# --- verdict.schema.json

VALIDATOR = Draft202012Validator(build_schema())
FREE = {"server_step_labels", "limits", "versions"}
"""Objects whose keys differ: only what is not the default, and one key per package."""


def parts(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """All objects of a document with their places; of a list, the first."""
    if isinstance(value, list):
        yield from parts(value[0], (*path, 0)) if value else ()
    elif isinstance(value, dict):
        yield path, value
        for key, inner in value.items():
            yield from parts(inner, (*path, key))


def part_at(document: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


@pytest.fixture
def document(verdicts: dict[str, Verdict]) -> Any:
    """A verdict with something in each of its lists."""
    bad, rag, empty = (verdicts[name] for name in ("bad_verdict", "rag_verdict", "empty_verdict"))
    return json.loads(render_json(replace(bad, steps=rag.steps, problems=empty.problems)))


def test_the_schema_in_the_repository_is_the_one_that_the_record_makes() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == render_schema(), "write it anew: make schema"
    Draft202012Validator.check_schema(build_schema())


def test_every_verdict_is_as_the_schema_says(verdict: Verdict) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(json.loads(render_json(verdict)))] == []


def test_a_key_that_is_missing_or_unknown_is_seen_wherever_it_is(document: Any) -> None:
    assert VALIDATOR.is_valid(document)
    places = [(path, tuple(part)) for path, part in parts(document) if not FREE & set(path)]
    assert {path[0] for path, _ in places if path} > {
        "findings",
        "operations",
        "steps",
        "failures",
        "manifest",
    }
    for path, keys in places:
        for key in keys:
            bent = deepcopy(document)
            del part_at(bent, path)[key]
            assert not VALIDATOR.is_valid(bent), f"{path}: without {key}"
        bent = deepcopy(document)
        part_at(bent, path)["unknown"] = 1
        assert not VALIDATOR.is_valid(bent), f"{path}: with an unknown key"


def test_an_unknown_limit_is_seen(document: Any) -> None:
    document["findings"][0]["limits"]["pass_maybe"] = 1
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("state", ["OK", "pass", "NO_VERDICT", 0, True])
def test_a_state_that_is_none_is_seen(document: Any, state: object) -> None:
    for place in (document, document["findings"][0]):
        kept, place["state"] = place["state"], state
        assert not VALIDATOR.is_valid(document)
        place["state"] = kept
    assert VALIDATOR.is_valid(document)


def test_a_finding_may_be_without_a_state_and_a_verdict_may_not(document: Any) -> None:
    document["findings"][0]["state"] = None
    assert VALIDATOR.is_valid(document)
    document["state"] = None
    assert not VALIDATOR.is_valid(document)


# --- the files of a run, and what is said of them


def test_a_run_directory_gets_every_file_of_the_record(tmp_path: Path, passed: Verdict) -> None:
    write_reports(passed, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == WRITTEN
    assert (tmp_path / "junit.xml").read_text(encoding="utf-8") == render_junit(passed)
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == render_summary(passed)


@pytest.mark.parametrize("page", ["report.md", "architecture.md"])
def test_every_file_of_the_record_is_documented(page: str) -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) >= WRITTEN


# --- the workflow


def commands() -> list[list[str]]:
    """What the workflow's steps run, one line each."""
    lines = re.findall(r"^ +(?:- )?run: (.*)$", WORKFLOW, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def profiles() -> list[str]:
    found = re.search(r"PROFILE: .* && '(\w+)' \|\| '(\w+)'", WORKFLOW)
    assert found
    return list(found.groups())


def test_the_workflow_tests_first_and_every_command_of_it_exists() -> None:
    known: Any = typer.main.get_command(app)
    assert [Path(words[0]).name for words in commands()] == ["make", "make", "loadtest", "cat", "make", "cat"]
    tools, test, load, _, containers, _ = commands()
    assert (tools[1], test[1]) == ("test-tools", "test-all")
    for target in (tools[1], test[1], containers[1]):
        assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for profile in profiles():
        assert (CONF_DIR / "profiles" / f"{profile}.toml").exists()
        words = [profile if word == "$PROFILE" else word for word in load[2:]]
        context = known.commands[load[1]].make_context(load[1], words)
        assert context.params["profile"] == profile
        assert context.params["embedded"]


def test_the_workflow_names_files_that_a_run_writes() -> None:
    named = re.findall(r"runs/\*/([\w.]+)", WORKFLOW)
    assert set(named) == {own_files.SUMMARY_FILE, own_files.JUNIT_FILE}
    assert set(named) <= WRITTEN


def test_the_workflow_may_read_and_no_more_and_uses_only_actions_of_github_itself() -> None:
    assert "\npermissions:\n  contents: read\n\n" in WORKFLOW
    assert WORKFLOW.count("permissions:") == 1
    assert "\t" not in WORKFLOW
    used = re.findall(r"uses: (.+)", WORKFLOW)
    assert {re.sub(r"@v\d+$", "", action) for action in used} == {
        "actions/checkout", "actions/setup-python", "actions/upload-artifact",
    }  # fmt: skip
    assert all(f"\n{key}:" in WORKFLOW for key in ("on", "concurrency", "jobs"))
    assert "timeout-minutes:" in WORKFLOW


def test_the_workflow_keeps_what_was_written_also_of_a_run_that_failed() -> None:
    steps = re.split(r"\n      - ", WORKFLOW)[1:]
    kept = [step for step in steps if "upload-artifact" in step or "GITHUB_STEP_SUMMARY" in step]
    assert len(kept) == 5
    assert all("if: always()" in step for step in kept)

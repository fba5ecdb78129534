from __future__ import annotations

import operator
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import warm_python

from conf.layers import CONF_DIR
from conf.loading import load_settings
from conf.metric import MetricKind
from conf.operations import Operation
from conf.thresholds import Limits
from monitoring.alerting.alerts_of_portal import portal_routes, portal_rules
from monitoring.alerting.alerts_of_run import run_rules
from monitoring.alerting.rule import Condition, Runbook, Severity, crossed
from monitoring.alerting.rules_file import RUNBOOK, rules_file
from monitoring.cumulative import cumulative
from monitoring.measurement import new_histogram
from portal.contracts.spoken import SPOKEN
from reports.limits import assess_metric
from reports.state import State

if TYPE_CHECKING:
    import subprocess

    from conf.settings import Settings

ROOT = Path(__file__).parents[2]
OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


def configured(directory: Path, text: str) -> Settings:
    (directory / "own.toml").write_text(text)
    return load_settings(config_files=[directory / "own.toml"], environ={})


def names(settings: Settings) -> set[str]:
    return {rule.name for rule in (*run_rules(settings), *portal_rules(settings))}


def test_the_committed_rules_are_those_of_the_shipped_thresholds() -> None:
    committed = (CONF_DIR / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    assert committed == rules_file(load_settings(environ={})), "run: make alerts"


def test_a_changed_threshold_changes_the_rules(tmp_path: Path) -> None:
    text = rules_file(configured(tmp_path, "[thresholds.chat]\np95_ms = { fail_above = 4321 }\n"))
    assert text.count("> 4.321\n") == 2  # the load test's and the portal's
    assert "> 5\n" not in text


@pytest.mark.parametrize(
    "limits",
    [
        Limits(pass_below=3, fail_above=5),
        Limits(pass_below=3),
        Limits(pass_above=0.95, fail_below=0.90),
        Limits(pass_at_least=1.0, fail_below=0.90),
        Limits(pass_at_least=1.0),
    ],
)
def test_the_conditions_judge_as_reports_do(limits: Limits) -> None:
    for value in (0.0, 0.89, 0.90, 0.94, 0.95, 0.96, 0.99, 1.0, 2.9, 3.0, 4.0, 5.0, 5.1):
        severities = {one.severity for one in crossed(limits) if OPERATORS[one.operator](value, one.limit)}
        state = assess_metric(value, limits)
        assert (Severity.CRITICAL in severities) == (state is State.FAIL), value
        assert bool(severities) == (state is not State.PASS), value


def test_an_optional_criterion_only_warns() -> None:
    assert crossed(Limits(pass_below=3, fail_above=5, optional=True)) == [
        Condition(Severity.WARNING, "pass_below", ">=", 3)
    ]
    assert crossed(Limits(fail_above=5, optional=True)) == [Condition(Severity.WARNING, "fail_above", ">", 5)]


def test_every_shipped_limit_has_a_rule_about_the_load_test() -> None:
    settings = load_settings(environ={})
    ruled = {
        (rule.labels["subject"], rule.labels["metric"], rule.severity)
        for rule in run_rules(settings)
        if rule.labels
    }
    assert ruled == {
        (subject, metric, condition.severity)
        for subject, demands in settings.thresholds.items()
        for metric, limits in demands.items()
        for condition in crossed(limits)
    }


def test_what_the_page_does_not_tell_apart_has_no_rule_that_would_say_something_else(tmp_path: Path) -> None:
    settings = configured(
        tmp_path,
        """
[thresholds."chat@20"]
p90_ms = { pass_below = 1 }
[thresholds."chat.timeout"]
p80_ms = { pass_below = 1 }
[thresholds.chat]
planned_p70_ms = { pass_below = 1 }
attempt_p60_ms = { pass_below = 1 }
max_ms = { pass_below = 1 }
""",
    )
    assert names(settings) == names(load_settings(environ={}))


def test_every_kind_of_metric_has_a_rule_but_the_maximum(tmp_path: Path) -> None:
    settings = configured(
        tmp_path,
        """
[thresholds.chat]
goodput_ratio = { pass_above = 0.9, within_ms = 2200 }
per_second = { pass_at_least = 5 }
mean_ms = { pass_below = 1 }
first_content_p95_ms = { pass_below = 2000 }
keeps_reading_ratio = { pass_at_least = 0.95 }
broken_stream_ratio = { pass_below = 0.005 }
fake_stream_ratio = { pass_below = 0.05 }
[thresholds."chat.intercepted"]
ratio = { pass_below = 0.5 }
[thresholds."chat.timeout"]
ratio = { pass_below = 0.01 }
[thresholds.generator]
rss_mb_per_hour = { pass_below = 10 }
""",
    )
    new = names(settings) - names(load_settings(environ={}))
    assert {name.removeprefix("LoadTest") for name in new if name.startswith("LoadTest")} == {
        "ChatGoodputRatio", "ChatPerSecond", "ChatMeanMs", "ChatTimeoutRatio", "GeneratorRssMbPerHour",
        "ChatFirstContentP95Ms", "ChatKeepsReadingRatio", "ChatBrokenStreamRatio", "ChatFakeStreamRatio", "ChatInterceptedRatio",
    }  # fmt: skip
    assert {name for name in new if name.startswith("Portal")} == {
        "PortalChatGoodputRatio", "PortalChatMeanMs",
    }  # fmt: skip
    assert len(MetricKind) == 12, "a new kind wants a rule, or a sentence in docs/monitoring.md"


def test_a_bound_is_spelled_in_rules_as_on_the_page(tmp_path: Path) -> None:
    for within_ms in (2000, 2200, 5, 1234.5):
        text = f"[thresholds.chat]\ngoodput_ratio = {{ pass_above = 0.9, within_ms = {within_ms} }}\n"
        ((bound, _), _), _ = cumulative(new_histogram(), (within_ms / 1000,))
        assert rules_file(configured(tmp_path, text)).count(f'le="{bound}"') == 2


def test_the_portals_routes_are_those_that_it_has() -> None:
    known = {
        (method, route.path)
        for router in SPOKEN["phase17"].routers
        for route in router.routes
        for method in route.methods
    }
    contract = load_settings(environ={}).contract
    routes = [route for operation in Operation for route in portal_routes(operation, contract)]
    assert {(route.method, route.path) for route in routes} <= known
    assert {route.operation for route in routes} == set(contract.endpoints)


def test_every_rule_can_be_told_from_all_others_and_says_all_it_should() -> None:
    settings = load_settings(environ={})
    rules = [*run_rules(settings), *portal_rules(settings)]
    assert len({(rule.name, rule.severity, *rule.labels.values()) for rule in rules}) == len(rules)
    assert all(re.fullmatch(r"[A-Z]\w+", rule.name) for rule in rules)
    assert all("$value" in rule.description for rule in rules if rule.name != "LoadTestCriterion")
    assert all(rule.summary and re.fullmatch(r"\d+(ms|[smh])", rule.held) for rule in rules)
    assert {rule.runbook for rule in rules} == {*Runbook} - {Runbook.TOO_FEW_ANSWERS}  # no shipped criterion


def test_every_runbook_link_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / RUNBOOK).read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {str(anchor) for anchor in Runbook} <= anchors


# --- the command


def alerts(*arguments: str) -> subprocess.CompletedProcess[str]:
    return warm_python.run(["loadtest", "alerts", *arguments])


def test_the_command_prints_the_rules() -> None:
    done = alerts()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == rules_file(load_settings(environ={}))


def test_the_command_writes_the_rules_of_other_settings(tmp_path: Path) -> None:
    settings = configured(tmp_path, "[thresholds.chat]\np95_ms = { fail_above = 4321 }\n")
    done = alerts("--config", str(tmp_path / "own.toml"), "--output", str(tmp_path / "rules.yml"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "rules.yml").read_text() == rules_file(settings)


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "rules.yml"
    done = alerts("--output", str(path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {path}: cannot be written: No such file or directory\n")

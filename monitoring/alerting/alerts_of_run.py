"""Alerts about a load test, from the metrics on its own page (``loadtest_…``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.metric import Metric, MetricKind, parse_metric
from conf.operations import Outcome
from conf.subject import MASTER, PORTAL, Subject, parse_subject
from monitoring.alerting.rule import AlertRule, Figure, Runbook, Severity, criterion_rules, subject_name
from monitoring.run_metrics import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conf.settings import GeneratorSettings, Settings
    from conf.thresholds import Limits

WINDOW = "5m"
"""Time window of rates and percentiles."""
WAITED_FOR = 'outcome=~"success|slow"'
"""Selects from ``loadtest_latency_seconds`` the answers and what was waited for in vain."""


def run_rules(settings: Settings) -> Iterator[AlertRule]:
    """
    A rule per limit, and the rules about the test itself.

    A criterion on a step of the load, a planned start, all attempts, a maximum, the duration of failures, or several limits
    of one streamed answer has no rule of its own: the page does not have these figures. Its state, as the run judges it, is in ``loadtest_criterion_state``.
    """
    for subject, demands in settings.thresholds.items():
        for metric, limits in demands.items():
            figure = _figure(subject, parse_metric(metric), limits, settings.run.minimum_requests)
            if figure is not None:
                name = f"LoadTest{subject_name(subject)}"
                yield from criterion_rules(name, (subject, metric), limits, figure)
    yield from _judged()
    yield from _generator(settings.generator)


def _figure(text: str, metric: Metric, limits: Limits, minimum: int) -> Figure | None:
    subject = parse_subject(text)
    if subject.rows:
        return None  # a run of the suite has no such rows
    if subject.operation is None:
        return _memory(text, metric)
    if subject.users is not None or metric.planned or metric.attempt:
        return None
    return _latency(subject, metric, minimum) if metric.is_latency else _rate(subject, metric, limits)


def _memory(process: str, metric: Metric) -> Figure:
    chosen = f'process="{PORTAL}"' if process == PORTAL else f'process!~"{PORTAL}|{MASTER}"'
    rss = f"loadtest_process_resident_bytes{{{chosen}}}"
    if metric.kind is MetricKind.RSS_SLOPE:
        return Figure(f"max(deriv({rss}[1h])) * 3600", held="30m")
    return Figure(f"max({rss})")


def _latency(subject: Subject, metric: Metric, minimum: int) -> Figure | None:
    """
    Latency of answers, and of what was waited for in vain, which counts with the time it has waited: "at least".

    Fewer than *minimum* results have no figure, as in a report.
    """
    if subject.outcome not in {None, Outcome.SUCCESS}:
        return None
    outcome = 'outcome="success"' if subject.outcome else WAITED_FOR
    moment = f',moment="{metric.moment}"' if metric.moment else ""
    chosen = f'{{operation="{subject.operation}"{moment},{outcome}}}[{WINDOW}]'
    name = "loadtest_stream_seconds" if metric.moment else "loadtest_latency_seconds"
    enough = f"sum(increase({name}_count{chosen})) >= {minimum}"
    if metric.kind is MetricKind.MEAN:
        return Figure(f"sum(rate({name}_sum{chosen})) / sum(rate({name}_count{chosen}))", enough)
    if metric.percent is None:
        return None
    quantile = f"{metric.percent / 100:.8g}"
    return Figure(f"histogram_quantile({quantile}, sum by (le) (rate({name}_bucket{chosen})))", enough)


_MARKED = {MetricKind.KEEPS_READING_RATIO: Mark.READ, MetricKind.FAKE_STREAM_RATIO: Mark.FAKE}
_APART = "|".join([Outcome.CUT_OFF, *(outcome for outcome in Outcome if outcome.is_apart)])


def _rate(subject: Subject, metric: Metric, limits: Limits) -> Figure | None:
    operation = f'operation="{subject.operation}"'
    outcome = f'outcome="{subject.outcome or Outcome.SUCCESS}"'
    if metric.kind is MetricKind.BROKEN_STREAM_RATIO:
        outcome = f'outcome=~"{Outcome.TRUNCATED}|{Outcome.STREAM_ERROR}"'
    if metric.kind in _MARKED:
        answers = f"loadtest_streamed_answers_total{{{operation},mark"
        marked = f'sum(rate({answers}="{_MARKED[metric.kind]}"}}[{WINDOW}]))'
        return Figure(f'{marked} / (sum(rate({answers}!="{Mark.FAKE}"}}[{WINDOW}])) > 0)')
    some = f"sum(rate(loadtest_requests_total{{{operation},{outcome}}}[{WINDOW}]))"
    is_apart = subject.outcome is not None and subject.outcome.is_apart
    left_out = Outcome.CUT_OFF if is_apart else _APART
    attempts = "" if subject.outcome is Outcome.CUT_OFF else f',outcome!~"{left_out}"'
    every = f"sum(rate(loadtest_requests_total{{{operation}{attempts}}}[{WINDOW}]))"
    if metric.kind is MetricKind.PER_SECOND:
        return Figure(some, "sum(loadtest_users) > 0")
    if metric.kind is MetricKind.GOODPUT_RATIO:
        if limits.within is not None:
            return None
        assert limits.within_ms is not None
        chosen = f'{operation},outcome="success",le="{limits.within_ms / 1000}"'
        some = f"sum(rate(loadtest_latency_seconds_bucket{{{chosen}}}[{WINDOW}]))"
    return Figure(f"{some} / ({every} > 0)")


def _judged() -> Iterator[AlertRule]:
    for severity, number, word in ((Severity.WARNING, 1, "WARN"), (Severity.CRITICAL, 2, "FAIL")):
        yield AlertRule(
            "LoadTestCriterion",
            severity,
            f"max by (subject, metric) (loadtest_criterion_state) == {number}",
            "1m",
            "{{ $labels.subject }}: {{ $labels.metric }} is " + word,
            "As the run itself judges it, over its whole length; loadtest_criterion_value has the figure",
            Runbook.CRITERION_IS_NOT_MET,
        )
    yield AlertRule(
        "LoadTestRunNotValid",
        Severity.CRITICAL,
        "max by (code) (loadtest_problems) > 0",
        "1m",
        "The load test is no verdict: {{ $labels.code }}",
        "{{ $value }} of these problems; one is enough, the limit is 0. The report says what to do",
        Runbook.RUN_IS_NOT_VALID,
    )
    yield AlertRule(
        "LoadTestMeasuresNothing",
        Severity.CRITICAL,
        "sum(loadtest_users) > 0\nunless sum(rate(loadtest_requests_total[1m])) > 0",
        "2m",
        "Users are there, and nothing comes of them",
        "{{ $value }} users, and not one result in a minute; the limit is one",
        Runbook.NOTHING_IS_MEASURED,
    )


def _generator(limits: GeneratorSettings) -> Iterator[AlertRule]:
    lag, cpu = "loadtest_generator_lag_seconds", "loadtest_generator_cpu_ratio"
    files = "loadtest_generator_open_files"
    for name, expr, held, what, limit in (
        (
            "Lag", f'max by (process) ({lag}{{quantile="0.95"}}) > {limits.lag_p95_ms / 1000:.12g}', "1m",
            "{{ $value | humanizeDuration }} late (p95)", f"lag_p95_ms = {limits.lag_p95_ms:g}",
        ),
        (
            "Cpu", f"max by (process) ({cpu}) > {limits.cpu_ratio:g}", f"{limits.cpu_for_s * 1000:.0f}ms",
            "{{ $value | humanizePercentage }} of a core", f"cpu_ratio = {limits.cpu_ratio:g}",
        ),
        (
            "OpenFiles", f"max by (process) ({files} / {files}_limit) > {limits.open_files_ratio:g}", "1m",
            "{{ $value | humanizePercentage }} of the files it may have open",
            f"open_files_ratio = {limits.open_files_ratio:g}",
        ),
    ):  # fmt: skip
        yield AlertRule(
            f"LoadTestGenerator{name}",
            Severity.CRITICAL,
            expr,
            held,
            "{{ $labels.process }}: the load generator is at its own limits, and the run no verdict",
            f"{what}; generator.{limit}",
            Runbook.GENERATOR_IS_SATURATED,
        )

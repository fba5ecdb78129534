"""Whether a run differs from a baseline, figure by figure, by how much, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from conf.metric import MetricKind, parse_metric
from conf.operations import Kind, Operation
from reports.baselines.baseline import COMPARED
from reports.baselines.change import Change, judge_latency, judge_share
from reports.baselines.estimate import Estimate, difference_of, ratio_of, share_of, widened
from reports.statistics.certainty import least_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conf.settings import Floor
    from reports.baselines.baseline import Account, Baseline, Made

METRICS = ("p50_ms", "p95_ms", MetricKind.MEAN.value, MetricKind.SUCCESS_RATIO.value)
"""The metrics that are compared for each operation; of streamed answers those of `COMPARED` come first."""
_LEAST_WINDOWS = 8
"""Windows of five seconds; with fewer, an interval cannot show that results of one moment resemble each other."""
_SAME_LOAD = ("journeys", "profile", "contract", "users", "steps", "questions", "arrivals_per_second")


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One figure of both runs.

    Args:
        subject: ``operation``, or ``operation@users`` in a run with several levels of load.
        metric: One of ``METRICS``, or a percentile of a streamed answer's moment.
        baseline: The baseline's figure in the metric's unit; None where it was not measured.
        new: The run's figure in the metric's unit; None where it was not measured.
        baseline_count: Results that the baseline's figure rests on.
        new_count: Results that the run's figure rests on.
        ratio: New divided by baseline, its ends NaN where there is no interval; None for a success ratio, and where
            either figure was not measured.
        difference: New minus baseline in the metric's unit, its ends NaN where there is no interval; None where
            either figure was not measured.
        decides: Whether the figure counts for the whole comparison; the parts of a flow do not.
        note: The reason for the change, where the figures alone do not give it.
        at_least: Which of ``baseline`` and ``new`` are lower bounds, because requests were waited for in vain.
    """

    subject: str
    metric: str
    baseline: float | None
    new: float | None
    baseline_count: int
    new_count: int
    ratio: Estimate | None
    difference: Estimate | None
    change: Change
    decides: bool
    note: str = ""
    at_least: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    A run compared with a baseline.

    Args:
        change: The worst change of the figures that decide.
        baseline: Name of the baseline.
        run: The run's id.
        baseline_made: How the baseline was made; None where it could not be reduced.
        run_made: How the run was made; None where it could not be reduced.
        floor: What a change had to exceed to count.
        reasons: Why the two cannot be compared; empty where they can.
        differences: Empty where they cannot be compared.
        cautions: What a reader must know before acting on a change.
    """

    change: Change
    baseline: str
    run: str
    baseline_made: Made | None
    run_made: Made | None
    floor: Floor
    reasons: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    cautions: tuple[str, ...] = ()


def compare(baseline: Baseline, run: Baseline, floor: Floor) -> Comparison:
    """
    Compare two runs, figure by figure.

    Args:
        baseline: What the run is held against.
        run: The new run, reduced as the baseline was.
        floor: What a change must exceed to count.
    """
    reasons = tuple(_obstacles(baseline.made, run.made))
    differences = () if reasons else tuple(_differences(baseline, run, floor))
    return Comparison(
        change=Change.NOT_COMPARABLE if reasons else decide(differences),
        baseline=baseline.name,
        run=run.name,
        baseline_made=baseline.made,
        run_made=run.made,
        floor=floor,
        reasons=reasons,
        differences=differences,
        cautions=() if reasons else tuple(_cautions(baseline, run)),
    )


def not_comparable(baseline: str, run: str, floor: Floor, reason: str) -> Comparison:
    """The comparison where one of the two cannot be reduced."""
    return Comparison(Change.NOT_COMPARABLE, baseline, run, None, None, floor, (reason,))


def decide(differences: Iterable[Difference]) -> Change:
    """The change of the whole: the first of REGRESSED, NOT DECIDABLE, IMPROVED and NO CHANGE that a figure has."""
    found = {difference.change for difference in differences if difference.decides}
    for change in (Change.REGRESSED, Change.NOT_DECIDABLE, Change.IMPROVED, Change.NO_CHANGE):
        if change in found:
            return change
    return Change.NOT_DECIDABLE


def _obstacles(baseline: Made, run: Made) -> Iterator[str]:
    for name in _SAME_LOAD:
        before, after = getattr(baseline, name), getattr(run, name)
        if before != after:
            yield f"{name.replace('_', ' ')}: {_listed(before)} in the baseline, {_listed(after)} in the run"


def _listed(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _differences(baseline: Baseline, run: Baseline, floor: Floor) -> Iterator[Difference]:
    before = {account.subject: account for account in baseline.accounts}
    after = {account.subject: account for account in run.accounts}
    subjects = sorted(
        {account.subject: account for account in (*baseline.accounts, *run.accounts)}.values(),
        key=lambda account: (not _is_whole(account.operation), list(Operation).index(account.operation)),
    )
    for account in subjects:
        sides = before.get(account.subject), after.get(account.subject)
        moments = [moment for moment in COMPARED if all(side and moment in side.moments for side in sides)]
        for metric in (*(f"{moment}_{p}_ms" for moment in moments for p in ("p50", "p95")), *METRICS):
            yield _difference(account, metric, *sides, floor)


def _cautions(baseline: Baseline, run: Baseline) -> Iterator[str]:
    accounts = [a for a in (*baseline.accounts, *run.accounts) if _is_whole(a.operation)]
    brief = dict.fromkeys(account.subject for account in accounts if len(account.windows) < _LEAST_WINDOWS)
    if brief:
        yield (
            f"{', '.join(brief)}: too short to see whether results depend on others of the same moment; the "
            "intervals take them for independent. Repeat both runs before you act on a change."
        )


def _is_whole(operation: Operation) -> bool:
    """Whether the operation is not part of a flow."""
    return operation.kind is Kind.FLOW or not any(
        other.kind is Kind.FLOW and other.journey is operation.journey for other in Operation
    )


def _difference(
    account: Account, metric: str, before: Account | None, after: Account | None, floor: Floor
) -> Difference:
    sides = {"baseline": _figure(before, metric), "new": _figure(after, metric)}
    (baseline, baseline_count, _), (new, new_count, _) = sides.values()
    ratio = difference = None
    change = Change.NOT_DECIDABLE
    if before is None or after is None:
        note = f"not measured in the {'baseline' if before is None else 'run'}"
    elif baseline is None or new is None:
        note = "no successful request"
    elif metric == MetricKind.SUCCESS_RATIO:
        difference = difference_of(baseline, new)
        change, note = judge_share(difference, floor, perfect=baseline.value == new.value == 1)
    else:
        ratio, difference = ratio_of(baseline, new), difference_of(baseline, new)
        of_one_moment = min(len(before.windows), len(after.windows)) == 1
        if of_one_moment:
            ratio, difference = widened(ratio, baseline.value)
        if math.isnan(ratio.low):
            note = f"too few results: {min(baseline_count, new_count):,} of at least {_least(metric):,}"
        else:
            change, note = judge_latency(ratio, difference, floor)
            if of_one_moment and change is Change.NOT_DECIDABLE:
                note = "all results of one moment: takes a longer run"
            elif math.isinf(difference.half) and change is Change.NOT_DECIDABLE:
                note = "requests were waited for in vain: how long they would have taken is not known"
    return Difference(
        subject=account.subject,
        metric=metric,
        baseline=baseline.value if baseline else None,
        new=new.value if new else None,
        baseline_count=baseline_count,
        new_count=new_count,
        ratio=ratio,
        difference=difference,
        change=change,
        decides=_is_whole(account.operation),
        note=note,
        at_least=tuple(name for name, side in sides.items() if side.at_least),
    )


def _least(metric: str) -> int:
    percent = parse_metric(metric).percent
    return 2 if percent is None else least_count(percent)


class _Figure(NamedTuple):
    """A figure and the number of its results; the figure is None where it was not measured."""

    estimate: Estimate | None
    results: int
    at_least: bool = False


def _figure(account: Account | None, metric: str) -> _Figure:
    """The figure; the ends of its interval are NaN where the results are too few for one."""
    if account is None:
        return _Figure(None, 0)
    if metric == MetricKind.SUCCESS_RATIO:
        return _Figure(_share_of(account) if account.attempts else None, account.attempts)
    wanted = parse_metric(metric)
    latencies, percent = account.latencies(wanted.moment), wanted.percent
    if percent is None:
        bound, interval = latencies.mean(), latencies.mean_interval()
    else:
        bound, interval = latencies.percentile(percent), latencies.percentile_interval(percent)
    if bound is None:
        return _Figure(None, 0)
    low, high = (interval.low, interval.high) if interval else (math.nan, math.nan)
    if interval and interval.at_least:
        high = math.inf
    return _Figure(Estimate(bound.value, low, high), latencies.count, bound.at_least)


def _share_of(account: Account) -> Estimate:
    """The share of the attempts that succeeded; the interval allows for success and failure of all that was cut off."""
    share = share_of(account.successes, account.attempts)
    worst = share_of(account.successes, account.requests)
    best = share_of(account.successes + account.cut_off, account.requests)
    return Estimate(share.value, min(share.low, worst.low), max(share.high, best.high))

"""
Whether a run differs from a baseline, by how much, and how sure that is. Pure functions of two reduced runs.

An interval of the ratio (or of the difference) of two figures is made from the two figures' own intervals, by the
method of variance estimates recovery (Zou & Donner, Statistics in Medicine 27, 2008; for shares it is Newcombe's
method 10, Statistics in Medicine 17, 1998). So nothing is assumed about how durations are distributed, and what a
figure's own interval knows, such as results that depend on others of the same time, is in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import ExitCode
from conf.metric import MetricKind
from conf.operations import Kind, Operation
from reports.statistics.certainty import Z_95, least_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conf.settings import Floor
    from reports.baselines.baseline import Account, Baseline, Made

_PERCENTS = {"p50_ms": 50.0, "p95_ms": 95.0}
METRICS = (*_PERCENTS, MetricKind.MEAN.value, MetricKind.SUCCESS_RATIO.value)
"""What is compared of each operation."""
_SHORTEST_MS = 1e-6
_LEAST_WINDOWS = 8
"""Windows of five seconds; with fewer, an interval knows nothing of what results of one moment have in common."""
_NEXT_MOMENT = 2.0
"""
How many times as slow, or as quick, the next moment may be. Results that all lie in one window say how that moment
was, and no number of them says how the next one is: twenty onboardings at once, run six times over with the same
commit on a busy machine, took 135 to 211 ms.
"""
_SAME_LOAD = ("journeys", "profile", "contract", "users", "steps", "arrivals_per_second")


class Change(StrEnum):
    """What became of one figure, or of all; the value is the word that people read."""

    NO_CHANGE = "NO CHANGE"
    """Certainly less than the floor."""
    IMPROVED = "IMPROVED"
    """Certainly better by more than the floor."""
    REGRESSED = "REGRESSED"
    """Certainly worse by more than the floor."""
    NOT_DECIDABLE = "NOT DECIDABLE"
    """The results are too few, or scatter too much, to tell."""
    NOT_COMPARABLE = "NOT COMPARABLE"
    """Two different questions, or a run that answers none."""


class Estimate(NamedTuple):
    """A figure and its 95 % interval; the upper end of what is "at least" is infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One figure of both runs.

    Args:
        subject: ``operation``, or ``operation@users`` in a run with several levels of load.
        metric: One of ``METRICS``.
        baseline: In the metric's unit; None where it was not measured.
        new: Likewise, of the run.
        baseline_count: Results that the figure rests on; all of them for a success ratio, else the successes.
        new_count: Likewise.
        ratio: New to baseline, its ends NaN where there is no interval; None for a success ratio, and where either
            figure was not measured.
        difference: New less baseline, in the metric's unit; likewise.
        decides: Whether it counts for the whole comparison; the parts of a flow do not.
        note: Why, where the figures alone do not say it.
        at_least: Which of ``baseline`` and ``new`` are lower bounds: requests were waited for in vain.
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
    A run beside a baseline.

    Args:
        change: The worst that decides.
        baseline: Its name.
        run: The run's id.
        baseline_made: How the baseline was made; None where it could not be reduced.
        run_made: How the run was made; likewise.
        floor: What counted as a change.
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
    """The comparison with a run that answers nothing."""
    return Comparison(Change.NOT_COMPARABLE, baseline, run, None, None, floor, (reason,))


def decide(differences: Iterable[Difference]) -> Change:
    """The change of the whole: anything that regressed, else anything not decidable, else what improved."""
    found = {difference.change for difference in differences if difference.decides}
    for change in (Change.REGRESSED, Change.NOT_DECIDABLE, Change.IMPROVED, Change.NO_CHANGE):
        if change in found:
            return change
    return Change.NOT_DECIDABLE


def exit_code(change: Change) -> ExitCode:
    """What a process exits with."""
    match change:
        case Change.NO_CHANGE | Change.IMPROVED:
            return ExitCode.OK
        case Change.REGRESSED:
            return ExitCode.FAIL
        case Change.NOT_DECIDABLE | Change.NOT_COMPARABLE:
            return ExitCode.NO_VERDICT


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
        for metric in METRICS:
            yield _difference(account, metric, before.get(account.subject), after.get(account.subject), floor)


def _cautions(baseline: Baseline, run: Baseline) -> Iterator[str]:
    accounts = [a for a in (*baseline.accounts, *run.accounts) if _is_whole(a.operation)]
    brief = dict.fromkeys(account.subject for account in accounts if len(account.windows) < _LEAST_WINDOWS)
    if brief:
        yield (
            f"{', '.join(brief)}: too short to see whether results depend on others of the same moment; the "
            "intervals take them for independent. Repeat both runs before you act on a change."
        )


def _is_whole(operation: Operation) -> bool:
    """Whether it is not part of a flow."""
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
            ratio, difference = _widened(ratio, baseline.value)
        if math.isnan(ratio.low):
            note = f"too few results: {min(baseline_count, new_count):,} of at least {_least(metric):,}"
        else:
            change, note = judge_latency(ratio, difference, floor)
            if of_one_moment and change is Change.NOT_DECIDABLE:
                note = "all results of one moment: takes a longer run"
            elif math.isinf(_half(difference)) and change is Change.NOT_DECIDABLE:
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
    return least_count(_PERCENTS[metric]) if metric in _PERCENTS else 2


# --- one figure and its interval


class _Figure(NamedTuple):
    """A figure, None where it was not measured, and the number of its results."""

    estimate: Estimate | None
    results: int
    at_least: bool = False


def _figure(account: Account | None, metric: str) -> _Figure:
    """The figure, with NaN for the ends of an interval that its results do not give."""
    if account is None:
        return _Figure(None, 0)
    if metric == MetricKind.SUCCESS_RATIO:
        return _Figure(_share_of(account) if account.attempts else None, account.attempts)
    latencies = account.latencies()
    if metric == MetricKind.MEAN:
        bound, interval = latencies.mean(), latencies.mean_interval()
    else:
        percent = _PERCENTS[metric]
        bound, interval = latencies.percentile(percent), latencies.percentile_interval(percent)
    if bound is None:
        return _Figure(None, 0)
    low, high = (interval.low, interval.high) if interval else (math.nan, math.nan)
    if interval and interval.at_least:
        high = math.inf
    return _Figure(Estimate(bound.value, low, high), latencies.count, bound.at_least)


def _share_of(account: Account) -> Estimate:
    """Of the attempts; the interval also holds what it would be if all that was cut off had succeeded, or failed."""
    share = _share(account.successes, account.attempts)
    worst = _share(account.successes, account.requests)
    best = _share(account.successes + account.cut_off, account.requests)
    return Estimate(share.value, min(share.low, worst.low), max(share.high, best.high))


def _share(successes: int, count: int) -> Estimate:
    """With Wilson's interval (Journal of the American Statistical Association 22, 1927), which Newcombe's rests on."""
    share, square = successes / count, Z_95**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = Z_95 * math.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return Estimate(share, min(centre - half, share), max(centre + half, share))


# --- two figures


def difference_of(baseline: Estimate, new: Estimate) -> Estimate:
    """New less baseline, from two independent runs; the ends are NaN where one of the two has no interval."""
    value = new.value - baseline.value
    if any(map(math.isnan, (*baseline, *new))):
        return Estimate(value, math.nan, math.nan)
    return Estimate(
        value,
        value - math.hypot(new.value - new.low, baseline.high - baseline.value),
        value + math.hypot(new.high - new.value, baseline.value - baseline.low),
    )


def ratio_of(baseline: Estimate, new: Estimate) -> Estimate:
    """New to baseline, from two independent runs: the difference of their logarithms."""
    logarithms = (Estimate(*(math.log(max(end, _SHORTEST_MS)) for end in side)) for side in (baseline, new))
    return Estimate(*(math.exp(end) for end in difference_of(*logarithms)))


def _widened(ratio: Estimate, baseline: float) -> tuple[Estimate, Estimate]:
    """The ratio, and the difference, between two moments rather than between two runs."""
    wide = Estimate(ratio.value, ratio.low / _NEXT_MOMENT, ratio.high * _NEXT_MOMENT)
    return wide, Estimate(*(baseline * (end - 1) for end in wide))


def judge_latency(ratio: Estimate, difference: Estimate, floor: Floor) -> tuple[Change, str]:
    """
    Judge a latency: a change counts if it exceeds both the floor's share and its milliseconds.

    It has REGRESSED (IMPROVED) if both intervals lie wholly beyond the floor. There is NO CHANGE if on either side
    one of the intervals ends before the floor. Otherwise it is NOT DECIDABLE: both a change that counts and one that
    does not are among the 95 %.

    Returns:
        The change, and what the figures alone do not say.
    """
    share, ms = floor.least_ratio, floor.least_ms
    if ratio.low > 1 + share and difference.low > ms:
        return Change.REGRESSED, ""
    if ratio.high < 1 - share and difference.high < -ms:
        return Change.IMPROVED, ""
    may_be_worse = ratio.high > 1 + share and difference.high > ms
    may_be_better = ratio.low < 1 - share and difference.low < -ms
    if may_be_worse or may_be_better:
        return Change.NOT_DECIDABLE, _more_results(
            min(_times(_half(ratio), share) ** 2, _times(_half(difference), ms) ** 2)
        )
    by_ms = ratio.high > 1 + share or ratio.low < 1 - share
    return Change.NO_CHANGE, f"less than {ms:g} ms" if by_ms else ""


def judge_share(difference: Estimate, floor: Floor, *, perfect: bool) -> tuple[Change, str]:
    """
    Judge a success ratio, likewise, by the one floor it has.

    Args:
        difference: New less baseline.
        floor: What counts.
        perfect: Whether nothing failed in either run; the interval then shrinks as fast as results grow in number.
    """
    least = floor.least_success_ratio
    if difference.high < -least:
        return Change.REGRESSED, ""
    if difference.low > least:
        return Change.IMPROVED, ""
    if -least <= difference.low and difference.high <= least:
        return Change.NO_CHANGE, ""
    return Change.NOT_DECIDABLE, _more_results(_times(_half(difference), least) ** (1 if perfect else 2))


def _half(estimate: Estimate) -> float:
    return max(estimate.high - estimate.value, estimate.value - estimate.low)


def _times(half: float, floor: float) -> float:
    return half / floor if floor else math.inf


def _more_results(times: float) -> str:
    if not math.isfinite(times):
        return ""
    if times <= 1:
        return "too close to the floor to tell"
    return f"would take about {math.ceil(times):,} times as many results in both"

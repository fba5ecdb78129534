"""From a run's files to its baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conf.address import is_loopback
from conf.errors import LoadTestError
from conf.metric import Metric, MetricKind
from conf.operations import Operation
from conf.subject import Subject
from monitoring.measurement import new_histogram
from reports.baselines.baseline import COMPARED, MOST_WINDOWS, Account, Baseline, Machine, Made, Spans
from reports.judgement.selection import select_sample
from reports.statistics.distribution import NOTHING, upper_edges_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reports.manifest import Manifest
    from reports.reading.run_files import RunFiles
    from reports.statistics.distribution import Counts
    from reports.statistics.latencies import Latencies


class NotComparableError(LoadTestError):
    """A run without usable figures, or with another load."""


def build_baseline(run: RunFiles, name: str, machine: Machine) -> Baseline:
    """
    Reduce a run of this suite.

    Raises:
        NotComparableError: The run is another project's, or a criterion stopped it early.
    """
    manifest = run.manifest
    if manifest is None:
        raise NotComparableError(
            f"{run.run_id}: holds Locust's CSV files alone, whose percentiles have two significant digits",
            "Only runs of this suite are compared: loadtest run JOURNEY",
        )
    if manifest.stopped_by is not None:
        raise NotComparableError(
            f"{run.run_id}: {manifest.stopped_by.subject} stopped the run early, so it is not one of the whole load",
            "See what failed first: loadtest report RUN_DIR",
        )
    return Baseline(
        name=name,
        made=_made(manifest, machine),
        accounts=tuple(
            account
            for subject in _subjects(run, manifest)
            if (account := _account(run, manifest, subject)).requests
        ),
    )


def _made(manifest: Manifest, machine: Machine) -> Made:
    return Made(
        journeys=manifest.journeys,
        profile=manifest.profile,
        contract=manifest.contract,
        users=manifest.users_wanted,
        steps=tuple(step.users for step in manifest.steps),
        **({"questions": manifest.questions.words} if manifest.questions else {}),
        arrivals_per_second=manifest.arrivals.per_second if manifest.arrivals else None,
        target="loopback" if is_loopback(urlsplit(manifest.target).hostname or "") else "remote",
        started_at=manifest.started_at,
        commit=manifest.git_commit,
        versions=manifest.versions,
        machine=machine,
    )


def _subjects(run: RunFiles, manifest: Manifest) -> Iterable[Subject]:
    """
    Each operation by itself; in a run with several levels of load, at each level.

    A run with several levels is not compared as a whole. Quicker answers change how many results each level has, so
    that the whole may become slower although every level has become quicker.
    """
    levels = sorted({step.users for step in manifest.steps if step.users})
    measured = {tag.operation for tag in run.measurements}
    for operation in Operation:
        if operation in measured:
            for users in levels if len(levels) > 1 else (None,):
                yield Subject(operation, users=users)


def _account(run: RunFiles, manifest: Manifest, subject: Subject) -> Account:
    sample = select_sample(run.measurements, subject, manifest)
    assert subject.operation is not None
    whole = _spans(sample.latencies())
    return Account(
        operation=subject.operation,
        users=subject.users,
        requests=sample.attempts + sample.cut_off.count,
        failures=sample.attempts - sample.successes,
        cut_off=sample.cut_off.count,
        windows=whole.windows,
        waited=whole.waited,
        moments={
            moment: _spans(latencies)
            for moment in COMPARED
            if (latencies := sample.latencies(Metric(MetricKind.PERCENTILE, moment=moment))).count
        },
    )


def _spans(latencies: Latencies) -> Spans:
    width_s = max(latencies.answered.width_s, latencies.waited.width_s)
    answered, waited = latencies.answered.counts(width_s), latencies.waited.counts(width_s)
    numbers = sorted({*answered, *waited})
    times = 1
    while -(-len(numbers) // times) > MOST_WINDOWS:
        times *= 2
    groups = [numbers[first : first + times] for first in range(0, len(numbers), times)]
    return Spans(
        windows=tuple(_encoded(answered, group) for group in groups),
        waited=tuple(_encoded(waited, group) for group in groups) if waited else (),
    )


def _encoded(windows: Mapping[int, Counts], numbers: Iterable[int]) -> str:
    """The results of these windows together, as one encoded histogram."""
    histogram = new_histogram()
    for number in numbers:
        buckets, counts = windows.get(number, NOTHING)
        for value_ms, count in zip(upper_edges_ms(buckets), counts.tolist(), strict=True):
            histogram.record_value(round(value_ms * 1000), count)
    return str(histogram.encode().decode("ascii"))

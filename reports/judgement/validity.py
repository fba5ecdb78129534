"""Whether there is enough to judge a run by; what a FAIL explains is no problem of the test itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.metric import parse_metric
from conf.operations import Destination
from conf.subject import parse_subject
from conf.waits import wait_limit
from reports.finding import Undecided
from reports.problem import Problem, ProblemCode
from reports.state import State
from reports.wording.figures import finding_value, metric_label, seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from conf.operations import Journey, Operation
    from reports.finding import Finding
    from reports.rows import OperationRow

_MS_PER_S = 1000
_LONGER_RUN = (
    "Judge a longer run, or set run.minimum_requests in a file: loadtest report RUN_DIR --config FILE"
)
_PROFILES = ("phase17", "capacity")
"""The profile with little load, and the profile with more."""


def assess_validity(  # noqa: PLR0913 - all that a run's validity rests on
    rows: Sequence[OperationRow],
    findings: Sequence[Finding],
    minimum_requests: int,
    nothing_judged: Problem,
    *,
    profile: str = "",
    streamed: Collection[Operation] = (),
) -> list[Problem]:
    """
    What makes the test itself invalid: nothing is judged, there are too few requests, or a criterion is undecided.

    A FAIL stands, whatever else could not be judged. The only problem besides it is an operation with too few requests
    in a journey without a FAIL; in a journey that fails, they are a consequence. *profile* is the run's, and *streamed* are the
    operations whose answers were streamed.
    """
    binding = [finding for finding in findings if finding.limits is not None and not finding.limits.optional]
    failed = [finding for finding in findings if finding.state is State.FAIL]
    subjects = [parse_subject(finding.subject) for finding in binding]
    if not any(subject.operation or subject.rows for subject in subjects):
        return [] if failed else [nothing_judged]
    excused = {_journey(finding) for finding in failed}
    judged = {
        subject.operation
        for finding in binding
        if not (subject := parse_subject(finding.subject)).outcome and _journey(finding) not in excused
    }
    asked = {row.operation: row.attempts for row in rows if row.requests}
    hardly = sorted(
        operation for operation in judged if operation and asked.get(operation, 0) < minimum_requests
    )
    apart = {row.operation: row.intercepted + row.abandoned for row in rows}
    without_model = {row.operation for row in rows if row.intercepted and not row.attempts}
    problems = [
        _never_asked(operation)
        if operation in without_model
        else _hardly_asked(
            operation, asked.get(operation), apart.get(operation, 0), minimum_requests, profile
        )
        for operation in hardly
    ]
    if not failed:
        unjudged = [f for f in binding if f.undecided and parse_subject(f.subject).operation not in hardly]
        problems += _undecided(unjudged, rows, streamed, profile)
    return problems


def _journey(finding: Finding) -> Journey | None:
    """None where the subject is none of the suite's operations."""
    try:
        operation = parse_subject(finding.subject).operation
    except ValueError:
        return None
    return operation.journey if operation else None


def _never_asked(operation: Operation) -> Problem:
    return Problem(
        ProblemCode.MODEL_NEVER_ASKED,
        f"{operation}: the model was never asked: the portal answered every question without it",
        "Ask questions that reach the model, from a file: run.questions. Or look whether the portal has a model at all.",
    )


def _hardly_asked(
    operation: Operation, attempts: int | None, apart: int, minimum_requests: int, profile: str
) -> Problem:
    if attempts is None:
        return Problem(
            ProblemCode.NEVER_MEASURED,
            f"{operation}: was never measured, though it is judged",
            "Look for errors at the start of the run, then run the journey again.",
        )
    beside = f", beside {apart:,} that are counted apart" if apart else ""
    return Problem(
        ProblemCode.TOO_FEW_REQUESTS,
        f"{operation}: {attempts:,} requests are too few for a verdict{beside}; at least {minimum_requests:,} are needed",
        _more_load(operation, profile),
    )


def _undecided(
    findings: Iterable[Finding], rows: Sequence[OperationRow], streamed: Collection[Operation], profile: str
) -> Iterator[Problem]:
    """One problem for each subject and reason, with the figures that are undecided."""
    groups: dict[tuple[str, Undecided], list[Finding]] = {}
    for finding in findings:
        assert finding.undecided is not None
        groups.setdefault((finding.subject, finding.undecided), []).append(finding)
    for (subject, reason), found in groups.items():
        figures = ", ".join(f"{metric_label(f.metric, f.limits)} {finding_value(f)}" for f in found)
        message = f"{subject}: {figures}: {found[0].note}"
        operation = parse_subject(subject).operation
        if reason is Undecided.CUT_OFF:
            waited = [row.cut_off.longest_ms or 0.0 for row in rows if row.operation is operation]
            message += f", after up to {seconds(max(waited, default=0.0) / _MS_PER_S)}"
        yield Problem(ProblemCode(reason), message, _next_step(reason, found, operation, streamed, profile))


def _next_step(
    reason: Undecided,
    found: Sequence[Finding],
    operation: Operation | None,
    streamed: Collection[Operation],
    profile: str,
) -> str:
    names = (
        {wait_limit(operation, streamed, parse_metric(f.metric).moment) for f in found}
        if operation
        else set()
    )
    limit = " and ".join(sorted(names))
    is_search = operation is not None and operation.journey.destination is Destination.DATABASE
    longest = wait_limit(operation, streamed) if operation else ""
    longest = f"database.pool_timeout_s and {longest} together" if is_search else longest
    connecting = "target.connect_timeout_s where connecting timed out"
    if is_search:
        connecting = "database.connect_timeout_s and database.pool_timeout_s where connecting or waiting for a connection timed out"
    match reason:
        case Undecided.CUT_OFF:
            return f"Let requests end: set run.stop_timeout_s (or -s) above {longest}, and run the journey again."
        case Undecided.TIMED_OUT:
            return (
                f"Set {limit}, and {connecting}, above the limit of the criterion, and run the journey again."
            )
        case Undecided.TOO_FEW:
            return _more_load(operation, profile) if operation else _LONGER_RUN


def _more_load(operation: Operation, profile: str) -> str:
    another = next(name for name in _PROFILES if name != profile)
    return f"See the failures below, or put on more load: run {operation.journey} with --profile {another}"


def cut_off_notes(rows: Iterable[OperationRow]) -> Iterator[str]:
    """A sentence for each operation with requests that the end of the run cut off."""
    for row in rows:
        if row.cut_off.count:
            waited = seconds((row.cut_off.longest_ms or 0.0) / _MS_PER_S)
            yield (
                f"{row.name}: {row.cut_off.count:,} of {row.requests:,} requests were cut off by the end of the run, "
                f"after up to {waited}: neither successes nor failures, and in the latencies with the time that they "
                "had waited."
            )


def apart_notes(rows: Iterable[OperationRow]) -> Iterator[str]:
    """A sentence for each operation with answers that are neither successes nor failures."""
    for row in rows:
        if row.intercepted:
            yield (
                f"{row.name}: {row.intercepted:,} of {row.requests:,} answers came without the model: apart, in no latency "
                "and no success rate."
            )
        if row.abandoned:
            yield (
                f"{row.name}: {row.abandoned:,} of {row.requests:,} answers were abandoned, as the profile has homeowners close "
                "the page: apart, in no latency and no success rate."
            )

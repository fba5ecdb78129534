"""What a reader of the figures must know, though it changes no verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.operations import Kind
from conf.subject import parse_subject
from reports.judgement.attendance import attendance_notes
from reports.judgement.load_made import unlisted_failures
from reports.judgement.validity import apart_notes, cut_off_notes
from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conf.operations import Journey
    from reports.finding import Finding
    from reports.manifest import Manifest
    from reports.reading.run_files import RunFiles
    from reports.rows import OperationRow


def build_notes(
    run: RunFiles, rows: Sequence[OperationRow], findings: Sequence[Finding], journeys: Iterable[Journey]
) -> Iterable[str]:
    """Sentences about the run as a whole."""
    subjects = [parse_subject(f.subject) for f in findings if f.limits is not None]
    judged = {subject.operation.journey for subject in subjects if subject.operation}
    if unjudged := [journey.value for journey in journeys if journey not in judged]:
        yield f"No criterion is about {' or '.join(unjudged)}: shown, not judged."
    if run.manifest:
        yield from _notes_of(run.manifest)
    if cut := [
        row for row in rows if row.warm_up[0] and row.operation and row.operation.kind is Kind.REQUEST
    ]:
        requests, failed = (sum(row.warm_up[place] for row in cut) for place in (0, 1))
        yield f"{requests:,} requests, {failed:,} of them failed, began in a warm-up: counted, and in no figure."
    yield from cut_off_notes(rows)
    yield from apart_notes(rows)
    if run.own:
        return
    if any(finding.state is State.FAIL for finding in findings) and (unlisted := unlisted_failures(run)):
        yield f"{unlisted}."
    yield (
        "These figures are Locust's own, from its CSV files. Percentiles have two significant digits (1,234 ms is "
        "1,200 ms there), include failed requests (a quick failure makes them better), and the last moments of "
        "the run may be missing: Locust writes nothing when it stops."
    )


def _notes_of(manifest: Manifest) -> Iterable[str]:
    if not manifest.settings.target.tls_verify:
        yield (
            "target.tls_verify is false: certificates were not looked at, and the answers may be those of another machine "
            "than the portal."
        )
    if manifest.houses_shared:
        most = manifest.users_per_house
        users = f"up to {most:,} users" if most else "some users"
        yield f"There were more users than houses: {users} shared a house, as its residents would."
    yield from attendance_notes(manifest)
    if manifest.clock_stepped_s:
        yield (
            f"The clock of the owner's machine was set by {manifest.clock_stepped_s:+,.1f} s during the run. "
            "Durations are measured with another clock, and moments are counted from the start of the run."
        )
    if manifest.tokens_renewed:
        yield f"{manifest.tokens_renewed:,} JWTs were signed anew before they expired."
    if manifest.onboarded_before:
        yield (
            f"{manifest.onboarded_before:,} QR tokens had been used before: the portal said so (409), which counts "
            "as a success. loadtest seed takes onboardings back."
        )

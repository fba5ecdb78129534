"""What makes the test itself invalid."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ManifestWord(StrEnum):
    """A word of a manifest; a word of another version, which this suite does not know, is read as OTHER."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls["OTHER"] if isinstance(value, str) else None


class ProblemCode(ManifestWord):
    """The kind of a problem; its value stands in manifests, ``verdict.json``, ``junit.xml`` and on the Prometheus page."""

    # Noted by the owner, while the run goes on and at its end.
    CUT_SHORT = "cut_short"
    """The run was ended before the profile's iterations or steps were made."""
    FEWER_USERS = "fewer_users"
    """Fewer users ran at once than were asked for."""
    FIXTURE_EXHAUSTED = "fixture_exhausted"
    """All houses had been onboarded, and were onboarded again."""
    NOT_WRITTEN = "not_written"
    """The disk did not take a file of the run."""
    SETTINGS_DIFFER = "settings_differ"
    """A worker makes another load than the master's settings describe."""
    SUITE_FAILED = "suite_failed"
    """A part of the suite failed while it made or measured the load."""
    UNACCOUNTED = "unaccounted"
    """A process does not have as many results of an operation as it began."""
    USERS_FAILED = "users_failed"
    """Users could not begin."""

    # Noted by the judgement, from the files of the run.
    AMBIGUOUS_CRITERION = "ambiguous_criterion"
    """A criterion names several rows of the statistics that have the same name."""
    CUT_OFF = "cut_off"
    """Requests that the end of the run cut off would decide a criterion."""
    DAMAGED_FILE = "damaged_file"
    """A file of the run is missing, damaged or cut off."""
    EXCEPTIONS = "exceptions"
    """The load itself raised exceptions, as Locust lists them."""
    GENERATOR_SATURATED = "generator_saturated"
    """A process that generated load was at its own limits."""
    HELD_BACK = "held_back"
    """Requests had to wait for ``target.max_requests_per_second``."""
    MANIFEST = "manifest"
    """The manifest is missing, cannot be read, or contradicts itself."""
    MISSED_STARTS = "missed_starts"
    """Planned starts were not made, since all users were busy."""
    MODEL_NEVER_ASKED = "model_never_asked"
    """All answers came without the model, as the contract tells."""
    NEVER_MEASURED = "never_measured"
    """A criterion is about something without any result."""
    NOT_RECONCILED = "not_reconciled"
    """Results are missing: two counts of the same results differ. The owner notes it too."""
    NOTHING_JUDGED = "nothing_judged"
    """No criterion is about anything in the run."""
    TIMED_OUT = "timed_out"
    """Timeouts shorter than the limit of a criterion would decide it."""
    TOO_FEW_REQUESTS = "too_few_requests"
    """An operation has fewer requests than a judgement needs."""
    UNEXPECTED = "unexpected"
    """The suite failed while it judged the run."""
    WORKER_LOST = "worker_lost"
    """A worker went, and more of the load was missing than the settings allow."""

    OTHER = "other"
    """A code in a manifest that this suite does not know: another version of the suite made the run."""


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Something that makes the test itself invalid.

    Args:
        message: One sentence; begins with the place where there is one.
        next_step: What to do about it, as a command where one exists.
        at: When it happened, as ISO 8601; empty where no moment can be named.
    """

    code: ProblemCode
    message: str
    next_step: str = ""
    at: str = ""

"""``baselines/NAME.json``: a run, reduced to what a later one is compared with."""

from __future__ import annotations

import json
import os
import platform
import re
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conf.address import is_loopback
from conf.errors import LoadTestError
from conf.input_file import build_model, parse_json, read_file
from conf.loading import CONF_DIR
from conf.operations import Journey, Operation
from conf.own_file import refuse_foreign
from conf.subject import Subject
from monitoring.measurement import new_histogram
from reports.judgement.sample import select_sample
from reports.manifest import Moment
from reports.output import write_text
from reports.statistics.distribution import NOTHING, Distribution, upper_edges_ms
from reports.statistics.latencies import Latencies
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from reports.manifest import Manifest
    from reports.reading.run_files import RunFiles
    from reports.statistics.distribution import Counts

SHIPPED_DIR = CONF_DIR / "baselines"
_FORMAT = 1
_MOST_WINDOWS = 60
_SPACING_S = 5.0
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RECORD_ANEW = "Record it anew: loadtest baseline save RUN_DIR NAME"


class NotComparableError(LoadTestError):
    """A run whose figures answer nothing, or not the same question."""


class _BaselinePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Machine(_BaselinePart):
    """The machine that read the run's files, usually the one that made them; nothing that names it."""

    cpus: int = Field(ge=1)
    platform: str

    @classmethod
    def here(cls) -> Self:
        """This one."""
        return cls(cpus=os.cpu_count() or 1, platform=f"{platform.system()} {platform.machine()}")


class Made(_BaselinePart):
    """
    How a run was made.

    Args:
        steps: Users of each step; empty where the load has none.
        users: As many as were asked for.
        arrivals_per_second: Of an open workload.
        target: Whether the portal was on the machine that made the load; its address is not kept.
    """

    journeys: tuple[Journey, ...]
    profile: str
    contract: str
    users: int = Field(ge=0)
    steps: tuple[int, ...]
    arrivals_per_second: float | None
    target: Literal["loopback", "remote"]
    started_at: Moment
    commit: str | None
    versions: dict[str, str]
    machine: Machine


class Account(_BaselinePart):
    """
    The results of one operation: of the whole run or, where it has steps, of those with so many users.

    Args:
        users: None: the whole run.
        requests: All results but those of the warm-up.
        failures: Of these.
        cut_off: Of these too: in flight at the end of the run, neither successes nor failures.
        windows: Successes by consecutive windows of time, 60 at most: HdrHistograms of microseconds, in their
            compressed base64 form.
        waited: By the same windows, what was waited for in vain and how long; as many, or none at all.
    """

    operation: Operation
    users: int | None = Field(ge=1)
    requests: int = Field(ge=0)
    failures: int = Field(ge=0)
    cut_off: int = Field(default=0, ge=0)
    windows: tuple[str, ...] = Field(max_length=_MOST_WINDOWS)
    waited: tuple[str, ...] = Field(default=(), max_length=_MOST_WINDOWS)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        latencies = self.latencies()
        held, waited = latencies.answered.count, latencies.waited.count
        if held != self.successes:
            raise ValueError(
                f"{self.requests:,} results of which {self.failures:,} failed, "
                f"but the windows hold {held:,} successes"
            )
        if not self.cut_off <= waited <= self.cut_off + self.failures:
            raise ValueError(
                f"{self.failures:,} results failed and {self.cut_off:,} were cut off, "
                f"but {waited:,} were waited for in vain"
            )
        return self

    @property
    def attempts(self) -> int:
        """Results that succeeded or failed."""
        return self.requests - self.cut_off

    @property
    def successes(self) -> int:
        """Results that succeeded."""
        return self.attempts - self.failures

    @property
    def subject(self) -> str:
        """As the settings spell it."""
        return self.operation if self.users is None else f"{self.operation}@{self.users}"

    def latencies(self) -> Latencies:
        """
        The successes, and what was waited for in vain.

        Raises:
            ValueError: A window is damaged.
        """
        return Latencies(_decoded(self.windows), _decoded(self.waited))


def _decoded(windows: Iterable[str]) -> Series:
    series = Series()
    for number, payload in enumerate(windows):
        window = Distribution()
        try:
            window.add_encoded(payload)
        except Exception:  # noqa: BLE001 - the decoder raises whatever it runs into
            raise ValueError(f"window {number + 1} is damaged or cut off") from None
        series.add(number * _SPACING_S, window)
    return series


class Baseline(_BaselinePart):
    """A run, reduced."""

    format: Literal[1] = 1
    name: str
    made: Made
    accounts: tuple[Account, ...]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        subjects = [account.subject for account in self.accounts]
        if twice := sorted({subject for subject in subjects if subjects.count(subject) > 1}):
            raise ValueError(f"{', '.join(twice)}: stands there more than once")
        return self


def build_baseline(run: RunFiles, name: str, machine: Machine) -> Baseline:
    """
    Reduce a run of this suite.

    Raises:
        NotComparableError: Somebody else's run, or one that a criterion stopped early.
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


def parse_name(text: str) -> str:
    """
    Read the name of a baseline.

    Raises:
        LoadTestError: It is not one.
    """
    if NAME.fullmatch(text) is None:
        raise LoadTestError(
            f"NAME: {text!r} is not a name for a baseline",
            "Allowed are a to z, 0 to 9 and -, at most 64 of them, e.g. chat-main",
        )
    return text


def baseline_path(directory: Path, name: str) -> Path:
    """Where a baseline is kept."""
    return directory / f"{name}.json"


def write_baseline(baseline: Baseline, directory: Path) -> Path:
    """
    Write *baseline* into *directory*, which is made if need be; one of the same name is replaced, at once.

    Raises:
        LoadTestError: It cannot be written, or a file of that name is no baseline.
    """
    path = baseline_path(directory, baseline.name)
    text = json.dumps(baseline.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoadTestError(f"{directory}: cannot be made: {error.strerror}", _ELSEWHERE) from error
    refuse_foreign(path, _MARK, _ELSEWHERE)
    try:
        write_text(path, f"{text}\n")
    except LoadTestError as error:
        raise LoadTestError(error.message, _ELSEWHERE) from error
    return path


_MARK = re.compile(rb'\A\{\s*"accounts": \[')
_ELSEWHERE = "Make it writable, or write elsewhere: loadtest baseline save … --directory DIR"


def load_baseline(path: Path) -> Baseline:
    """
    Read a baseline.

    Raises:
        LoadTestError: The file is missing, damaged, or of a format that this suite does not know.
    """
    try:
        document = parse_json(read_file(path))
    except OSError as error:
        raise LoadTestError(f"{path}: cannot be read: {error.strerror}", _RECORD_ANEW) from error
    except ValueError as error:
        raise LoadTestError(f"{path}: is not JSON, or cut off: {error}", _RECORD_ANEW) from None
    number = document.get("format") if isinstance(document, dict) else None
    if number is None:
        raise LoadTestError(f"{path}: is not a baseline: it names no format", _RECORD_ANEW)
    if number != _FORMAT:
        raise LoadTestError(
            f"{path}: format: {number!r} is unknown to this suite, which reads {_FORMAT}", _RECORD_ANEW
        )
    try:
        return build_model(Baseline, document)
    except ValueError as error:
        raise LoadTestError(f"{path}: {error}", _RECORD_ANEW) from None


def _made(manifest: Manifest, machine: Machine) -> Made:
    return Made(
        journeys=manifest.journeys,
        profile=manifest.profile,
        contract=manifest.contract,
        users=manifest.users_wanted,
        steps=tuple(step.users for step in manifest.steps),
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

    There the whole run is not compared: quicker answers make more of them at each level, unlike at each, so that
    the whole may become slower although every level has become quicker.
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
    latencies = sample.latencies()
    width_s = max(latencies.answered.width_s, latencies.waited.width_s)
    answered, waited = latencies.answered.counts(width_s), latencies.waited.counts(width_s)
    numbers = sorted({*answered, *waited})
    times = 1
    while -(-len(numbers) // times) > _MOST_WINDOWS:
        times *= 2
    groups = [numbers[first : first + times] for first in range(0, len(numbers), times)]
    return Account(
        operation=subject.operation,
        users=subject.users,
        requests=sample.requests,
        failures=sample.attempts - sample.successes,
        cut_off=sample.cut_off.count,
        windows=tuple(_encoded(answered, group) for group in groups),
        waited=tuple(_encoded(waited, group) for group in groups) if waited else (),
    )


def _encoded(windows: Mapping[int, Counts], numbers: Iterable[int]) -> str:
    """These windows together."""
    histogram = new_histogram()
    for number in numbers:
        buckets, counts = windows.get(number, NOTHING)
        for value_ms, count in zip(upper_edges_ms(buckets), counts.tolist(), strict=True):
            histogram.record_value(round(value_ms * 1000), count)
    return str(histogram.encode().decode("ascii"))

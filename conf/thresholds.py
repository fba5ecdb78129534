"""Thresholds: the limits of each metric, as data."""

from __future__ import annotations

from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from conf.metric import OF_OPERATIONS, OF_OUTCOMES, OF_PROCESSES, OF_ROWS, Metric, MetricKind, parse_metric
from conf.subject import Subject, parse_subject


class Within(NamedTuple):
    """Limits that each good streamed answer keeps, in milliseconds; None: no limit."""

    whole_ms: float | None
    first_content_ms: float | None
    largest_gap_ms: float | None

    def __str__(self) -> str:
        """As measurements name them."""
        return "-".join("any" if ms is None else f"{ms:g}".replace(".", "_") for ms in self)


class Limits(BaseModel):
    """
    Where PASS ends and where FAIL begins; between them lies WARN.

    One direction only: ``pass_below`` / ``fail_above`` for a metric that should be small (ms, MB),
    ``pass_above`` or ``pass_at_least`` / ``fail_below`` for a metric that should be large (ratios, 0..1).
    Every limit but ``pass_at_least`` is exclusive, so a value on a limit is a WARN.

    ``within_ms``, for ``goodput_ratio`` alone, is the longest latency that counts; of a streamed answer
    ``first_content_within_ms`` and ``largest_gap_within_ms`` may be demanded with it. An ``optional`` criterion can only
    warn. ``stop_early``: during the run, a FAIL over ``run.early_stop_window_s`` ends it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pass_below: float | None = Field(default=None, ge=0)
    fail_above: float | None = Field(default=None, ge=0)
    pass_above: float | None = Field(default=None, ge=0)
    pass_at_least: float | None = Field(default=None, ge=0)
    fail_below: float | None = Field(default=None, ge=0)
    within_ms: float | None = Field(default=None, gt=0)
    first_content_within_ms: float | None = Field(default=None, gt=0)
    largest_gap_within_ms: float | None = Field(default=None, gt=0)
    optional: bool = False
    stop_early: bool = False

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        small = self.pass_below is not None or self.fail_above is not None
        large = any(x is not None for x in (self.pass_above, self.pass_at_least, self.fail_below))
        if small == large:
            raise ValueError("give either pass_below/fail_above or pass_above/pass_at_least/fail_below")
        if self.pass_above is not None and self.pass_at_least is not None:
            raise ValueError("give pass_above or pass_at_least, not both")
        if self.pass_below is not None and self.fail_above is not None and self.fail_above < self.pass_below:
            raise ValueError(f"fail_above ({self.fail_above:g}) lies below pass_below ({self.pass_below:g})")
        passes_from = self.pass_above if self.pass_above is not None else self.pass_at_least
        if passes_from is not None and self.fail_below is not None and self.fail_below > passes_from:
            raise ValueError(
                f"fail_below ({self.fail_below:g}) lies above where PASS begins ({passes_from:g})"
            )
        return self

    @property
    def within(self) -> Within | None:
        """What a good streamed answer must keep; None where no more than its whole time counts."""
        if self.first_content_within_ms is None and self.largest_gap_within_ms is None:
            return None
        return Within(self.within_ms, self.first_content_within_ms, self.largest_gap_within_ms)

    @model_validator(mode="after")
    def _can_stop(self) -> Self:
        if self.stop_early and self.optional:
            raise ValueError("an optional criterion cannot stop a run: give optional or stop_early")
        if self.stop_early and self.fail_above is None and self.fail_below is None:
            raise ValueError("stop_early needs fail_above or fail_below: only a FAIL stops a run")
        return self


def _is_subject(text: str) -> str:
    parse_subject(text)
    return text


def _is_metric(name: str) -> str:
    parse_metric(name)
    return name


def _metrics_fit_subjects(thresholds: dict[str, dict[str, Limits]]) -> dict[str, dict[str, Limits]]:
    for text, demands in thresholds.items():
        subject = parse_subject(text)
        allowed = _metrics_of(subject)
        for name, limits in demands.items():
            kind = parse_metric(name).kind
            if kind not in allowed:
                raise ValueError(
                    f"{text} has no {name}; allowed: {', '.join(k for k in MetricKind if k in allowed)}"
                )
            if (limits.within_ms is None) == (kind is MetricKind.GOODPUT_RATIO):
                raise ValueError(f"{text}.{name}: within_ms belongs to goodput_ratio, which needs it")
            if limits.within is not None and (kind is not MetricKind.GOODPUT_RATIO or subject.outcome):
                raise ValueError(f"{text}.{name}: limits of a good streamed answer belong to goodput_ratio")
            if subject.rows and (lacking := _lacking(parse_metric(name))):
                raise ValueError(f"{text} has no {name}: a row of a CSV file has no {lacking}")
            if limits.stop_early and subject.operation is None:
                raise ValueError(f"{text}.{name}: only criteria about operations can stop a run early")
    return thresholds


def _lacking(metric: Metric) -> str:
    """What a row of a CSV file does not have, so that the metric cannot be read from it; empty where it can."""
    if metric.moment:
        return "moments of streamed answers"
    if metric.planned:
        return "planned start"
    return "percentile of successes and failures apart" if metric.attempt else ""


def _metrics_of(subject: Subject) -> frozenset[MetricKind]:
    if subject.rows:
        return OF_ROWS
    if subject.operation is None:
        return OF_PROCESSES
    return OF_OUTCOMES if subject.outcome else OF_OPERATIONS


SubjectText = Annotated[str, AfterValidator(_is_subject)]
MetricName = Annotated[str, AfterValidator(_is_metric)]
Thresholds = Annotated[dict[SubjectText, dict[MetricName, Limits]], AfterValidator(_metrics_fit_subjects)]
"""Subject → metric → limits, spelled as in the settings; `parse_subject` and `parse_metric` read the names."""

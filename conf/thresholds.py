"""Thresholds: the limits of each metric, as data."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from conf.metric import OF_OPERATIONS, OF_OUTCOMES, OF_PROCESSES, OF_ROWS, MetricKind, parse_metric
from conf.subject import Subject, parse_subject


class Limits(BaseModel):
    """
    Where PASS ends and where FAIL begins; between them lies WARN.

    One direction only: ``pass_below`` / ``fail_above`` for a metric that should be small (ms, MB),
    ``pass_above`` or ``pass_at_least`` / ``fail_below`` for a metric that should be large (ratios, 0..1).
    Every limit but ``pass_at_least`` is exclusive, so a value on a limit is a WARN.

    ``within_ms``, for ``goodput_ratio`` alone, is the longest latency that counts. An ``optional`` criterion can only
    warn. ``stop_early``: during the run, a FAIL over ``run.early_stop_window_s`` ends it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pass_below: float | None = Field(default=None, ge=0)
    fail_above: float | None = Field(default=None, ge=0)
    pass_above: float | None = Field(default=None, ge=0)
    pass_at_least: float | None = Field(default=None, ge=0)
    fail_below: float | None = Field(default=None, ge=0)
    within_ms: float | None = Field(default=None, gt=0)
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
            if subject.rows and (parse_metric(name).planned or parse_metric(name).attempt):
                lacking = (
                    "planned start"
                    if parse_metric(name).planned
                    else "percentile of successes and failures apart"
                )
                raise ValueError(f"{text} has no {name}: a row of a CSV file has no {lacking}")
            if limits.stop_early and subject.operation is None:
                raise ValueError(f"{text}.{name}: only criteria about operations can stop a run early")
    return thresholds


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

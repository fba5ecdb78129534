"""Thresholds: what is demanded of one metric, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from conf.operations import Operation

PORTAL = "portal"
"""The subject of criteria that judge the portal's process rather than an operation."""


class Metric(StrEnum):
    """Every metric a criterion may name; the unit is the last word."""

    SUCCESS_RATIO = "success_ratio"
    P50_MS = "p50_ms"
    P95_MS = "p95_ms"
    P99_MS = "p99_ms"
    MEAN_MS = "mean_ms"
    MAX_MS = "max_ms"
    RSS_MB = "rss_mb"


class Limits(BaseModel):
    """
    Where PASS ends and where FAIL begins; between them lies WARN.

    One direction only: ``pass_below`` / ``fail_above`` for what should be small (ms, MB),
    ``pass_above`` or ``pass_at_least`` / ``fail_below`` for what should be large (ratios, 0..1).
    Every limit but ``pass_at_least`` is exclusive, so a value on a limit is a WARN.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pass_below: float | None = Field(default=None, ge=0)
    fail_above: float | None = Field(default=None, ge=0)
    pass_above: float | None = Field(default=None, ge=0)
    pass_at_least: float | None = Field(default=None, ge=0)
    fail_below: float | None = Field(default=None, ge=0)

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


def _is_subject(subject: str) -> str:
    if subject != PORTAL and subject not in set(Operation):
        raise ValueError(f"{subject!r} is not an operation; allowed: {', '.join([*Operation, PORTAL])}")
    return subject


def _metrics_fit_subjects(thresholds: dict[str, dict[Metric, Limits]]) -> dict[str, dict[Metric, Limits]]:
    for subject, limits in thresholds.items():
        allowed = [m for m in Metric if (m is Metric.RSS_MB) == (subject == PORTAL)]
        for metric in limits:
            if metric not in allowed:
                raise ValueError(f"{subject} has no {metric}; allowed: {', '.join(allowed)}")
    return thresholds


Subject = Annotated[str, AfterValidator(_is_subject)]
Thresholds = Annotated[dict[Subject, dict[Metric, Limits]], AfterValidator(_metrics_fit_subjects)]
"""operation name (or ``portal``) → metric → limits."""

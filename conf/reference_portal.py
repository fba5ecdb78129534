"""The reference portal: where it listens, how its model behaves, and its faults on demand."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from conf.section import Ratio, SettingsSection


class Model(SettingsSection):
    """The simulated LLM's delay: log-normal with this median and sigma, clipped to the bounds."""

    median_s: float = Field(gt=0)
    sigma: float = Field(ge=0)
    minimum_s: float = Field(ge=0)
    maximum_s: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum_s > self.maximum_s:
            raise ValueError(f"minimum_s ({self.minimum_s:g}) lies above maximum_s ({self.maximum_s:g})")
        return self


class RateLimitSettings(SettingsSection):
    """The portal's fixed windows of 60 s; refused requests count too."""

    enabled: bool
    chat_per_minute: int = Field(ge=1)
    resolve_per_minute: int = Field(ge=1)
    resolve_per_token_per_minute: int = Field(ge=1)


class FaultSettings(SettingsSection):
    """Faults of the reference portal, for tests; ratios are shares of the requests, 0..1."""

    error_ratio: Ratio = Field(ge=0, le=1)
    unauthorized_ratio: Ratio = Field(ge=0, le=1)
    slow_ratio: Ratio = Field(ge=0, le=1)
    slow_s: float = Field(ge=0)
    hang_ratio: Ratio = Field(ge=0, le=1)
    foreign_source_ratio: Ratio = Field(ge=0, le=1)
    model_error_ratio: Ratio = Field(ge=0, le=1)
    database_stall_s: float = Field(ge=0)

    @model_validator(mode="after")
    def _one_fault_each(self) -> Self:
        if self.error_ratio + self.unauthorized_ratio + self.slow_ratio + self.hang_ratio > 1:
            raise ValueError(
                "error_ratio, unauthorized_ratio, slow_ratio and hang_ratio add up to more than 1: "
                "a request has one of these faults"
            )
        return self


class Portal(SettingsSection):
    """The reference portal."""

    host: str
    port: int = Field(ge=0, le=65535, description="0: any free port.")
    pool_size: int = Field(ge=1)
    random_seed: int
    model: Model
    rate_limits: RateLimitSettings
    faults: FaultSettings

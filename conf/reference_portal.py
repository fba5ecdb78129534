"""The reference portal: where it listens, how its model behaves, and its faults on demand."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from conf.section import LONGEST_WAIT_S, Ratio, SettingsSection

REQUEST_FAULTS = ("error_ratio", "unauthorized_ratio", "hang_ratio", "slow_ratio")
"""Faults of a request as a whole; a request has one of them."""
MODEL_FAULTS = ("model_error_ratio", "model_refused_ratio")
"""Failures of the model before its answer begins; a question has one of them."""
STREAM_FAULTS = (
    "truncated_ratio",
    "reset_ratio",
    "error_frame_ratio",
    "model_error_within_ratio",
    "no_text_ratio",
    "stall_ratio",
    "fake_stream_ratio",
    "heartbeats_only_ratio",
    "slow_drip_ratio",
)
"""Faults of a streamed answer that has begun; an answer has one of them."""


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


class StreamPace(SettingsSection):
    """
    The pace of a streamed answer.

    Each value is the median of a log-normal distribution with this sigma, clipped to half and twice the median.
    """

    accepted_s: float = Field(
        ge=0,
        le=LONGEST_WAIT_S,
        description="Until the model accepts a question; the headers and the first frame leave then.",
    )
    first_token_s: float = Field(
        ge=0, le=LONGEST_WAIT_S, description="From there to the first token of the text."
    )
    token_gap_s: float = Field(ge=0, le=LONGEST_WAIT_S, description="Between two tokens.")
    tokens: int = Field(ge=2, le=100_000, description="Tokens of an answer; each is a frame.")
    sigma: float = Field(ge=0, description="0: every answer has the same pace.")
    heartbeat_s: float = Field(
        ge=0, le=LONGEST_WAIT_S, description="Between two heartbeats, which are comments; 0: none."
    )


class RateLimitSettings(SettingsSection):
    """
    The portal's limits; its contract says which of them it has.

    Limits per minute are fixed windows of 60 s, in which refused requests count too. A burst and a rate per second are a
    token bucket.
    """

    enabled: bool
    chat_per_minute: int = Field(ge=1, description="Questions per tenant.")
    resolve_per_minute: int = Field(ge=1, description="Resolutions of all tokens together.")
    resolve_per_token_per_minute: int = Field(ge=1, description="Resolutions of one token.")
    chat_burst: int = Field(ge=1, description="Questions at once per address of a client ...")
    chat_per_second: float = Field(gt=0, description="... and how fast further ones are allowed.")
    resolve_burst: int = Field(ge=1, description="Resolutions at once per address of a client ...")
    resolve_per_second: float = Field(gt=0, description="... and how fast further ones are allowed.")


class FaultSettings(SettingsSection):
    """Faults of the reference portal, for tests; ratios are shares of the requests or answers, 0..1."""

    error_ratio: Ratio = Field(ge=0, le=1)
    unauthorized_ratio: Ratio = Field(ge=0, le=1)
    slow_ratio: Ratio = Field(ge=0, le=1)
    slow_s: float = Field(ge=0)
    hang_ratio: Ratio = Field(ge=0, le=1)
    foreign_source_ratio: Ratio = Field(ge=0, le=1)
    default_tenant_ratio: Ratio = Field(
        ge=0, le=1, description="Answered as if another tenant's house had asked."
    )
    database_stall_s: float = Field(ge=0)
    model_error_ratio: Ratio = Field(ge=0, le=1)
    model_refused_ratio: Ratio = Field(ge=0, le=1, description="The model refuses the question: 429.")
    truncated_ratio: Ratio = Field(
        ge=0, le=1, description="The connection is closed in mid-stream, without its last frame."
    )
    reset_ratio: Ratio = Field(ge=0, le=1, description="The connection is reset in mid-stream.")
    error_frame_ratio: Ratio = Field(ge=0, le=1, description="An error frame before the first text.")
    model_error_within_ratio: Ratio = Field(
        ge=0, le=1, description="The model fails in mid-stream, which an error frame says."
    )
    no_text_ratio: Ratio = Field(ge=0, le=1, description="The stream ends in order, and had no text.")
    stall_ratio: Ratio = Field(ge=0, le=1, description="Silence in mid-stream; then the stream goes on.")
    stall_s: float = Field(ge=0, le=LONGEST_WAIT_S, description="Length of that silence.")
    fake_stream_ratio: Ratio = Field(ge=0, le=1, description="All text comes at once, at the end.")
    heartbeats_only_ratio: Ratio = Field(
        ge=0, le=1, description="Heartbeats and no text, until the client leaves."
    )
    slow_drip_ratio: Ratio = Field(ge=0, le=1, description="Each token comes late.")
    slow_drip_s: float = Field(ge=0, le=LONGEST_WAIT_S, description="How late each token comes.")
    hold_connection: bool = Field(description="A database connection is held while an answer is streamed.")
    goes_on_after_leaving: bool = Field(
        description="The model finishes its answer although the client has left."
    )

    @model_validator(mode="after")
    def _one_fault_each(self) -> Self:
        for names, bearer in (
            (REQUEST_FAULTS, "a request"),
            (MODEL_FAULTS, "a question"),
            (STREAM_FAULTS, "a streamed answer"),
        ):
            if sum(getattr(self, name) for name in names) > 1:
                listed = f"{', '.join(names[:-1])} and {names[-1]}"
                raise ValueError(f"{listed} add up to more than 1: {bearer} has one of these faults")
        return self


class Portal(SettingsSection):
    """The reference portal."""

    host: str
    port: int = Field(ge=0, le=65535, description="0: any free port.")
    pool_size: int = Field(ge=1)
    random_seed: int
    intercept_ratio: Ratio = Field(
        ge=0,
        le=1,
        description="Questions that are answered without the model, where the contract has such answers.",
    )
    model: Model
    stream: StreamPace
    rate_limits: RateLimitSettings
    faults: FaultSettings

"""
The settings, typed: what may be configured, in which unit, and within which bounds.

``conf.loading.load_settings`` fills them; nothing else reads a file or the environment.
"""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - pydantic reads the module's names
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from conf.address import Address, is_loopback, parse_host, parse_origin, parse_page
from conf.contract import Contract
from conf.database_address import parse_database_hosts
from conf.profile import Profile
from conf.thresholds import Thresholds
from conf.trust import Trust

Ratio = float


_LONGEST_WAIT_S = 86_400.0
"""Of any single wait: a day."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Target(_Section):
    """The portal under test."""

    allowed_hosts: tuple[str, ...] = Field(
        description="Hosts that load may be sent to; all others are refused. Of an address, its host is meant."
    )
    base_url: str = Field(description="Scheme, host and port; no path.")
    contract: str = Field(description="Name of a file in conf/contracts/, or the path of one.")
    connect_timeout_s: float = Field(gt=0, le=_LONGEST_WAIT_S)
    request_timeout_s: float = Field(
        gt=0, le=_LONGEST_WAIT_S, description="A request without a complete answer by then is a timeout."
    )
    max_users: int = Field(ge=1, description="A run that asks for more users is refused.")
    max_requests_per_second: int = Field(
        ge=1,
        description="No more are sent in any second, by all processes together; searches are counted too.",
    )
    metrics_url: str | None = Field(
        default=None, description="Prometheus page of the portal, for its memory."
    )
    pid: int | None = Field(
        default=None, ge=1, description="Process of the portal, where it runs on this host."
    )
    embedded: bool = Field(default=False, description="Portal and database end with the command that runs.")

    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities that sign the portal's certificate."
    )
    tls_verify: bool = Field(default=True, description="false: certificates are not looked at.")
    tls_unverified_hosts: tuple[str, ...] = Field(
        default=(), description="Named again, where tls_verify is false and a host is not the loopback."
    )

    @field_validator("allowed_hosts", "tls_unverified_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return _parse_hosts(hosts)

    @field_validator("base_url")
    @classmethod
    def _is_origin(cls, url: str) -> str:
        return str(parse_origin(url))

    @field_validator("metrics_url")
    @classmethod
    def _is_page(cls, url: str | None) -> str | None:
        return None if url is None else "{}{}".format(*parse_page(url))

    @field_validator("base_url", "metrics_url")
    @classmethod
    def _is_allowed(cls, url: str | None, info: ValidationInfo) -> str | None:
        allowed = info.data.get("allowed_hosts")  # missing where it is itself a mistake, reported as such
        if allowed is not None and url is not None:
            require_allowed(parse_page(url)[0].host, allowed)
        return url

    @field_validator("ca_file")
    @classmethod
    def _holds_certificates(cls, path: Path | None) -> Path | None:
        if path is not None:
            Trust(path).require_authorities()
        return path

    @model_validator(mode="after")
    def _says_twice_whom_it_believes(self) -> Self:
        for url in (self.base_url, self.metrics_url):
            if url is not None:
                self.admit(parse_page(url)[0])
        return self

    @property
    def trust(self) -> Trust:
        """Which certificates are believed."""
        return Trust(self.ca_file, self.tls_verify)

    def admit(self, address: Address) -> None:
        """
        Look whether anything may be sent to *address*.

        Raises:
            ValueError: It may not.
        """
        require_allowed(address.host, self.allowed_hosts)
        unverified = address.scheme == "https" and not self.tls_verify
        if unverified and not is_loopback(address.host) and address.host not in self.tls_unverified_hosts:
            raise ValueError(
                f"tls_verify is false, and host {address.host!r} is not the loopback: set target.ca_file to its "
                "authority's certificate, or name the host in target.tls_unverified_hosts too"
            )


def _parse_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    return tuple(parse_page(host)[0].host if "://" in host else parse_host(host) for host in hosts)


def require_allowed(host: str, allowed: Sequence[str]) -> None:
    """
    Look whether anything may be sent to *host*.

    Raises:
        ValueError: It may not.
    """
    if host not in allowed:
        raise ValueError(f"host {host!r} is not in target.allowed_hosts {list(allowed)}")


class Answers(_Section):
    """What an answer of the portal may be at most. A larger one fails, and is not read to its end."""

    header_bytes: int = Field(
        ge=1_024, description="Of all headers, those of interim answers and trailers included."
    )
    header_lines: int = Field(ge=16, description="How many headers.")
    body_bytes: int = Field(ge=1, description="Of the body, as it comes and decoded.")
    cookies: int = Field(ge=0, description="That one user keeps.")
    cookie_bytes: int = Field(ge=1, description="Of one cookie's name, value and path.")


class DatabaseSettings(_Section):
    """The PostgreSQL database with pgvector behind the portal."""

    url: SecretStr | None = Field(default=None, description="From DATABASE_URL only.")
    pool_size: int = Field(ge=1, description="Connections per process of the load.")
    pool_timeout_s: float = Field(
        gt=0, le=_LONGEST_WAIT_S, description="How long a user waits for one of them."
    )
    connect_timeout_s: float = Field(gt=0, le=_LONGEST_WAIT_S)
    statement_timeout_s: float = Field(gt=0, le=_LONGEST_WAIT_S)

    @field_validator("url")
    @classmethod
    def _names_its_host(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_database_hosts(url.get_secret_value())
        return url

    @property
    def hosts(self) -> list[str]:
        """The hosts named by the address, as the driver itself reads it; empty for a Unix socket."""
        return [] if self.url is None else parse_database_hosts(self.url.get_secret_value())


class Seed(_Section):
    """Where the seed puts what it makes, and how the vectors are indexed."""

    fixture: Path
    qr_dir: Path
    portal_url: str = Field(description="Scheme, host and port; no path. What the QR codes point at.")
    jwt_lifetime_s: int = Field(
        ge=60,
        le=315_360_000,
        description="How long the JWTs are valid that are signed here: ten years at most.",
    )
    index: Literal["ivfflat", "hnsw"]
    ivfflat_lists: int = Field(ge=1)
    step_timeout_s: float = Field(
        gt=0, le=_LONGEST_WAIT_S, description="A step that the database has not answered by then is given up."
    )

    @field_validator("portal_url")
    @classmethod
    def _is_origin(cls, url: str) -> str:
        return str(parse_origin(url))


class RunSettings(_Section):
    """One run of the load."""

    profile: str = Field(description="Name of a file in conf/profiles/, or the path of one.")
    output_dir: Path
    stop_timeout_s: float = Field(
        ge=0, le=_LONGEST_WAIT_S, description="How long requests in flight may finish when a run stops."
    )
    minimum_requests: int = Field(
        ge=1, description="Fewer requests than this is NO VERDICT, and of fewer answers no latency is judged."
    )
    random_seed: int
    strict: bool = Field(default=False, description="A WARN, or a PASS that is not certain, fails the run.")
    baseline: str = Field(default="", description="The report shows the difference from BASELINE-JOURNEY.")
    early_stop_window_s: float = Field(gt=0, description="Criteria with stop_early look back so far.")
    early_stop_grace_s: float = Field(ge=0, description="They stop nothing before the run is so old.")


class GeneratorSettings(_Section):
    """Beyond these limits a process that generates load is saturated, and the run no verdict."""

    lag_p95_ms: float = Field(gt=0, description="Event-loop lag that 95 of 100 samples must stay below.")
    cpu_ratio: float = Field(gt=0, description="Of one core; a process that stays above it ...")
    cpu_for_s: float = Field(gt=0, description="... for so long without a break is saturated.")
    open_files_ratio: Ratio = Field(gt=0, le=1, description="Of the files that the process may have open.")
    missing_load_ratio: Ratio = Field(
        default=0.0, ge=0, lt=1, description="Of the load, what may be missing through workers that went."
    )


class Monitoring(_Section):
    """What is written down and shown about the run and its processes, beside the report."""

    log_dir: Path = Field(description="Where errors.jsonl and performance.jsonl are.")
    keep_days: float = Field(
        gt=0, le=36_500, description="Older segments of these logs are removed, as wholes."
    )
    segment_mb: float = Field(gt=0, le=1_000_000, description="A segment that has grown so large is closed.")
    failures_per_second: int = Field(
        ge=1, description="Failed requests that a process logs per second, at most."
    )
    metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="Of a run's Prometheus page; 0: any free port."
    )
    metrics_host: str = Field(description="Address on which that port listens.")
    trace_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts that spans may be sent to, beside target.allowed_hosts."
    )

    @field_validator("trace_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return _parse_hosts(hosts)


class Web(_Section):
    """Locust's web UI."""

    addresses: tuple[str, ...] = Field(
        description="Scheme, host and port of each further address that leads to it, such as a proxy's."
    )

    @field_validator("addresses")
    @classmethod
    def _are_origins(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(parse_origin(address)) for address in addresses)


class Floor(_Section):
    """How large a change against a baseline must be to count; a latency must exceed both of the first two."""

    least_ratio: Ratio = Field(ge=0, le=1, description="Of the baseline's latency.")
    least_ms: float = Field(ge=0)
    least_success_ratio: Ratio = Field(ge=0, le=1, description="Of all results; 0.01 is one in a hundred.")


class Model(_Section):
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


class RateLimitSettings(_Section):
    """The portal's fixed windows of 60 s; refused requests count too."""

    enabled: bool
    chat_per_minute: int = Field(ge=1)
    resolve_per_minute: int = Field(ge=1)
    resolve_per_token_per_minute: int = Field(ge=1)


class FaultSettings(_Section):
    """Misbehaviour of the reference portal, for tests; ratios are 0..1 of the requests."""

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


class Portal(_Section):
    """The reference portal."""

    host: str
    port: int = Field(ge=0, le=65535, description="0: any free port.")
    pool_size: int = Field(ge=1)
    random_seed: int
    model: Model
    rate_limits: RateLimitSettings
    faults: FaultSettings


class Settings(_Section):
    """Everything that was decided before a run."""

    target: Target
    answers: Answers
    database: DatabaseSettings
    seed: Seed
    run: RunSettings
    generator: GeneratorSettings
    monitoring: Monitoring
    web: Web
    comparison: Floor
    thresholds: Thresholds
    portal: Portal
    contract: Contract
    profile: Profile
    session_secret: SecretStr | None = Field(default=None, description="From SESSION_SECRET only.")

    @field_validator("database")
    @classmethod
    def _is_allowed(cls, database: DatabaseSettings, info: ValidationInfo) -> DatabaseSettings:
        target: Target | None = info.data.get("target")
        for host in database.hosts:
            if target is not None:
                require_allowed(host, target.allowed_hosts)
        return database

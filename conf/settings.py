"""
The settings, typed: what may be configured, in which unit, and within which bounds.

``conf.loading.load_settings`` fills them; nothing else reads a file or the environment.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path, PurePath
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from conf.address import parse_origin
from conf.contract import Contract
from conf.database_address import parse_database_hosts
from conf.profile import Profile
from conf.reference_portal import Portal
from conf.section import LONGEST_WAIT_S, Ratio, SettingsSection
from conf.target import Answers, Streams, Target, parse_hosts, require_allowed
from conf.thresholds import Thresholds


class DatabaseSettings(SettingsSection):
    """The PostgreSQL database with pgvector behind the portal."""

    url: SecretStr | None = Field(default=None, description="From DATABASE_URL only.")
    pool_size: int = Field(ge=1, description="Connections per process of the load.")
    pool_timeout_s: float = Field(
        gt=0, le=LONGEST_WAIT_S, description="How long a user waits for a connection of the pool."
    )
    connect_timeout_s: float = Field(gt=0, le=LONGEST_WAIT_S)
    statement_timeout_s: float = Field(gt=0, le=LONGEST_WAIT_S)

    @field_validator("url")
    @classmethod
    def _names_its_host(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_database_hosts(url.get_secret_value())
        return url

    @property
    def hosts(self) -> list[str]:
        """The hosts of the address, as the driver reads it; empty for a Unix socket."""
        return [] if self.url is None else parse_database_hosts(self.url.get_secret_value())


class Seed(SettingsSection):
    """Where the seed writes, and how the vectors are indexed."""

    fixture: Path
    qr_dir: Path
    portal_url: str = Field(description="Scheme, host and port in the QR codes; no path.")
    jwt_lifetime_s: int = Field(
        ge=60,
        le=315_360_000,
        description="Lifetime of the JWTs that are signed here: ten years at most.",
    )
    index: Literal["ivfflat", "hnsw"]
    ivfflat_lists: int = Field(ge=1)
    step_timeout_s: float = Field(
        gt=0, le=LONGEST_WAIT_S, description="Longest time for a step; then the seeding ends."
    )

    @field_validator("portal_url")
    @classmethod
    def _is_origin(cls, url: str) -> str:
        return str(parse_origin(url))


class QuestionMix(StrEnum):
    """How often each question is asked."""

    UNIFORM = "uniform"
    """All as often."""
    WEIGHTS = "weights"
    """By the weights of the file."""
    ZIPF = "zipf"
    """By their rank, which is their place in the file: rank ** -exponent."""


class RunSettings(SettingsSection):
    """One run of the load."""

    profile: str = Field(description="Name of a file in conf/profiles/, or the path of one.")
    output_dir: Path
    stop_timeout_s: float = Field(
        ge=0, le=LONGEST_WAIT_S, description="How long requests in flight may finish when a run stops."
    )
    minimum_requests: int = Field(
        ge=1, description="Fewer requests than this is NO VERDICT, and of fewer answers no latency is judged."
    )
    random_seed: int
    questions: Path | None = Field(
        default=None, description="File of the questions that chat users ask; without one, the suite's own."
    )
    question_mix: QuestionMix = QuestionMix.UNIFORM
    question_zipf: float = Field(default=1.0, gt=0, le=10, description='Exponent of question_mix = "zipf".')
    question_count: int | None = Field(
        default=None, ge=1, description="Only the first so many questions of the file; else all."
    )
    question_salt: str = Field(
        default="none",
        pattern=r"^[A-Za-z0-9._-]{1,40}$",
        description='Text behind each question; "run": a new one for each run; "none": none.',
    )
    strict: bool = Field(default=False, description="A WARN, or a PASS that is not certain, fails the run.")
    baseline: str = Field(default="", description="The report shows the difference from BASELINE-JOURNEY.")
    early_stop_window_s: float = Field(gt=0, description="Time window of criteria with stop_early.")
    early_stop_grace_s: float = Field(ge=0, description="Age of the run before which no criterion stops it.")


class GeneratorSettings(SettingsSection):
    """Beyond these limits a process that generates load is saturated, and the run is NO VERDICT."""

    lag_p95_ms: float = Field(gt=0, description="Event-loop lag that 95 of 100 samples must stay below.")
    cpu_ratio: float = Field(gt=0, description="Share of one core above which a process is too busy.")
    cpu_for_s: float = Field(
        gt=0, description="How long a process must stay above cpu_ratio to be saturated."
    )
    open_files_ratio: Ratio = Field(
        gt=0, le=1, description="Share of the files that the process may have open."
    )
    missing_load_ratio: Ratio = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the load that may be missing because workers were lost.",
    )


class Monitoring(SettingsSection):
    """Logs, metrics and traces of the run and its processes."""

    log_dir: Path = Field(description="Directory of errors.jsonl and performance.jsonl.")
    keep_days: float = Field(
        gt=0, le=36_500, description="Segments of these logs are removed when all their records are older."
    )
    segment_mb: float = Field(gt=0, le=1_000_000, description="Size at which a segment is closed.")
    failures_per_second: int = Field(ge=1, description="Most failed requests that a process logs per second.")
    metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="Port of a run's Prometheus page; 0: any free port."
    )
    metrics_host: str = Field(description="Address on which metrics_port listens.")
    trace_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts that spans may be sent to, in addition to target.allowed_hosts."
    )

    @field_validator("trace_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return parse_hosts(hosts)


class Web(SettingsSection):
    """Locust's web UI."""

    addresses: tuple[str, ...] = Field(
        description="Scheme, host and port of each further address of the web UI, such as a proxy's."
    )

    @field_validator("addresses")
    @classmethod
    def _are_origins(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(parse_origin(address)) for address in addresses)


class Floor(SettingsSection):
    """The smallest change against a baseline that counts; a latency must exceed both least_ratio and least_ms."""

    least_ratio: Ratio = Field(ge=0, le=1, description="Share of the baseline's latency.")
    least_ms: float = Field(ge=0)
    least_success_ratio: Ratio = Field(
        ge=0, le=1, description="Change of the success rate; 0.01 is one point."
    )


class Settings(SettingsSection):
    """All settings of a run."""

    target: Target
    streams: Streams
    answers: Answers
    database: DatabaseSettings
    seed: Seed
    run: RunSettings
    generator: GeneratorSettings
    monitoring: Monitoring
    web: Web
    comparison: Floor
    thresholds: Thresholds
    stream_thresholds: Thresholds = Field(
        default_factory=dict,
        description="Stand in place of the suite's own thresholds where the contract's answers are streamed.",
    )
    portal: Portal
    contract: Contract
    profile: Profile
    session_secret: SecretStr | None = Field(default=None, description="From SESSION_SECRET only.")

    @property
    def contract_names(self) -> tuple[str, ...]:
        """By which the contract may be known: its file's name, and that of the one of the suite that it is based on."""
        return PurePath(self.target.contract).stem, self.contract.based_on

    @field_validator("database")
    @classmethod
    def _is_allowed(cls, database: DatabaseSettings, info: ValidationInfo) -> DatabaseSettings:
        target: Target | None = info.data.get("target")
        for host in database.hosts:
            if target is not None:
                require_allowed(host, target.allowed_hosts)
        return database

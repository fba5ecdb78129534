"""How a run was made, as its owner knows it: the content of ``manifest.json``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from conf.operations import Journey, Operation
from conf.settings import GeneratorSettings
from conf.table_model import with_field_per
from conf.thresholds import MetricName, SubjectText, Thresholds
from reports.problem import ManifestWord, ProblemCode

if TYPE_CHECKING:
    from datetime import datetime

_YEARS = range(1970, 9000)


def _in_our_years(moment: datetime) -> datetime:
    """Reject moments at the edges of Python's calendar, with which it cannot calculate."""
    if moment.year not in _YEARS:
        raise ValueError(f"the year {moment.year} is none in which a run was made")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_years)]


class _Part(BaseModel):
    # A later suite may write more than this one reads.
    model_config = ConfigDict(frozen=True, extra="ignore")


class StepSpan(_Part):
    """A stretch of the run at one load level; it begins when its warm-up is over."""

    index: int = Field(ge=0)
    users: int = Field(ge=0)
    started_at: Moment
    ended_at: Moment

    @property
    def length_s(self) -> float:
        """Length in seconds."""
        return (self.ended_at - self.started_at).total_seconds()


class LagSummary(_Part):
    """Event-loop lag of a process over the whole run, in milliseconds."""

    p50: float = Field(ge=0)
    p95: float = Field(ge=0)
    p99: float = Field(ge=0)
    max: float = Field(ge=0)


class Process(_Part):
    """A process that generated load."""

    id: str
    requests: int = Field(ge=0)
    lost: bool
    open_files_limit: int | None = Field(default=None, ge=1)
    lag_ms: LagSummary | None = None


class Text(_Part):
    """A text of a streamed answer; in a long answer several texts that followed each other."""

    ms: float = Field(ge=0, description="From sending.")
    characters: int = Field(ge=0)


class SlowAnswer(_Part):
    """An answer that stands out, whatever its outcome, the trace of its request, and its texts where it was streamed."""

    operation: Operation
    ms: float = Field(ge=0)
    started_at: Moment
    trace_id: str = Field(pattern="^[0-9a-f]{32}$")
    texts: tuple[Text, ...] = ()


class RateLimited(_Part):
    """Requests of an operation that the portal's rate limiter refused (429)."""

    operation: Operation
    refused: int = Field(ge=1)
    first_at: Moment
    longest_wait_s: float = Field(ge=0)


class VectorIndexSeen(_Part):
    """The index that serves the vector search, as the database reported it when the run began."""

    chunks: int = Field(ge=0)
    name: str
    method: str
    used: bool
    rows_read: int = Field(default=0, ge=0)
    search_ms: float = Field(default=0, ge=0)


class PoolSeen(_Part):
    """The portal's pool of database connections, as the portal reported it at several moments of the run."""

    looks: int = Field(ge=1)
    unavailable: int = Field(ge=0)
    exhausted: int = Field(ge=0)
    most_waiting: int = Field(ge=0)
    connections: int = Field(ge=0)
    slowest_ms: float = Field(ge=0)


class QuestionsAsked(_Part):
    """What the chat users of the run asked."""

    file: str = ""
    """Name of the file; empty: the suite's own."""
    distinct: int = Field(ge=1)
    mix: str
    """``uniform``, ``weights``, or ``zipf`` with its exponent."""
    salt: str = ""
    """Text behind each question of this run."""

    @property
    def words(self) -> str:
        """What makes two runs ask alike."""
        salted = ", salted" if self.salt else ""
        return f"{self.distinct:,} of {self.file or 'the suite'}, {self.mix}{salted}"


class ArrivalsMade(_Part):
    """Planned starts of an open workload, and what became of them."""

    per_second: float = Field(gt=0)
    begun: int = Field(ge=0)
    missed: int = Field(ge=0)


class WorkerEvent(StrEnum):
    """What can happen to a worker during a run."""

    JOINED = "joined"
    VANISHED = "vanished"
    LEFT = "left"
    RETURNED = "returned"


class WorkerChanged(_Part):
    """A worker came or went during the run."""

    worker: str
    event: WorkerEvent
    users: int = Field(ge=0)
    """Users of the worker when it went."""
    at: Moment
    """When the worker came; of a worker that went, when the owner last heard of it."""


class EndedBy(ManifestWord):
    """Why a run ended."""

    NOTHING_YET = ""
    """The run goes on."""
    RUN_TIME = "run time"
    """The run time was over."""
    ITERATIONS = "iterations"
    """Every user had made the profile's iterations."""
    STEPS = "steps"
    """The last step was over."""
    CRITERION = "criterion"
    """A criterion that may end a run failed."""
    INTERRUPTED = "interrupted"
    """Ctrl-C or SIGTERM; or the process that started the run was killed."""
    STOPPED = "stopped"
    """Stop in the web UI."""
    FAILURE = "a failure of the suite"
    """A part of the suite failed, or users could not begin."""
    OTHER = "a cause that this suite does not know"
    """What a manifest of another version of the suite names."""


class Stop(_Part):
    """The criterion that ended the run, and its value over the window that did it."""

    subject: SubjectText
    metric: MetricName
    value: float | None
    """None where it lies among attempts that were never answered."""
    at_least: bool = False
    window_s: float = Field(gt=0)
    at: Moment


class ProblemEntry(_Part):
    """Something that the owner of the run saw go wrong."""

    code: ProblemCode
    message: str
    at: Moment


class RecordedRun(_Part):
    """The part of the ``run`` settings that judging needs."""

    minimum_requests: int = Field(ge=1)
    strict: bool = False
    baseline: str = ""


class TargetSettings(_Part):
    """The part of the ``target`` settings that a reader must know."""

    tls_verify: bool = True
    embedded: bool = False


class EndpointSettings(_Part):
    """The part of a contract's request that advice needs."""

    limit: str = ""
    path: str = ""
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)

    @property
    def carries_jwt(self) -> bool:
        """Whether it is sent with a homeowner's JWT."""
        return any(
            "{jwt}" in template for template in (self.path, *self.query.values(), *self.headers.values())
        )


@with_field_per((operation for operation in Operation if operation.is_portal_request), EndpointSettings)
class ContractSettings(_Part):
    """The part of the contract that advice needs."""

    health: str = ""
    health_db: str = ""
    search: dict[str, object] | None = None
    """The portal's own vector search; None: that of ``doc_chunks``."""

    def carries_jwt(self, operation: Operation) -> bool:
        """Whether this request is sent with a homeowner's JWT."""
        endpoint: EndpointSettings | None = getattr(self, operation.value, None)
        return endpoint is not None and endpoint.carries_jwt

    def limit(self, operation: Operation) -> str:
        """The limit of requests that the contract states; empty where it states none."""
        endpoint: EndpointSettings | None = getattr(self, operation.value, None)
        return endpoint.limit if endpoint else ""


class MonitoringSettings(_Part):
    """The part of the ``monitoring`` settings that advice needs."""

    log_dir: str = "logs"


class RecordedSettings(_Part):
    """The settings that the run was made with and judged by."""

    target: TargetSettings = TargetSettings()
    contract: ContractSettings = ContractSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    thresholds: Thresholds
    run: RecordedRun
    generator: GeneratorSettings


class Manifest(_Part):
    """How a run was made. Times are UTC."""

    format: Literal[1]
    run_id: str
    journeys: tuple[Journey, ...]
    profile: str
    profile_description: str
    contract: str
    target: str
    random_seed: int
    started_at: Moment
    ended_at: Moment
    loaded_s: float | None = Field(default=None, ge=0)
    """Seconds in which load was made; the time of the last requests after that is left out."""
    clock_stepped_s: float = 0.0
    """Seconds by which the wall clock was set during the run; moments and durations do not depend on it."""
    git_commit: str | None
    versions: dict[str, str]
    settings: RecordedSettings
    users_wanted: int = Field(ge=0)
    users_peak: int = Field(ge=0)
    users_by_journey: dict[Journey, int] = Field(default_factory=dict)
    """Users of each journey, as Locust spread them, when there were most."""
    questions_in_flight: int = Field(default=1, ge=1)
    """Questions that a chat user asks at once."""
    questions: QuestionsAsked | None = None
    """None where no journey asks, and in a run of an older suite, which had questions of its own alone."""
    houses: int = Field(ge=0)
    houses_shared: bool
    users_per_house: int = Field(default=0, ge=0)
    """Most users that shared a house at once; 0 in a run of an older suite, which did not note it."""
    tokens_renewed: int = Field(default=0, ge=0)
    server_step_labels: dict[Operation, dict[str, str]] = Field(default_factory=dict)
    onboarded_before: int = Field(default=0, ge=0)
    arrivals: ArrivalsMade | None = None
    clock_ahead_s: float | None = None
    """This machine's clock minus the portal's, by the Date of answers with 401; None where there was no such answer."""
    held_back: int = Field(default=0, ge=0)
    """Requests that had to wait for target.max_requests_per_second."""
    slowest: tuple[SlowAnswer, ...] = ()
    halting: tuple[SlowAnswer, ...] = ()
    rate_limited: tuple[RateLimited, ...] = ()
    vector_index: VectorIndexSeen | None = None
    pool: PoolSeen | None = None
    processes: tuple[Process, ...]
    worker_changes: tuple[WorkerChanged, ...] = ()
    asked_user_s: float = Field(default=0, ge=0)
    """User-seconds that were asked for: users times the seconds for which they should have run."""
    missing_user_s: float = Field(default=0, ge=0)
    """User-seconds that were missing because workers went."""
    steps: tuple[StepSpan, ...]
    ended_by: EndedBy
    stopped_by: Stop | None = None
    problems: tuple[ProblemEntry, ...]

    @property
    def length_s(self) -> float:
        """Seconds from start to end."""
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def judged_s(self) -> float:
        """Seconds of load that the figures are about: all steps without their warm-ups; without steps, all of the load."""
        if self.steps:
            return sum(step.length_s for step in self.steps)
        return self.length_s if self.loaded_s is None else self.loaded_s

"""The two metrics pages with all metrics on them: a load test's and the portal's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import generate_latest

from conf.operations import Operation, Outcome
from conf.stream_figures import Moment
from monitoring.histogram_bounds import BOUNDS_S
from monitoring.measurement import new_histogram
from monitoring.run_metrics import Criterion, Ending, FailureCount, Mark, ProcessReading, RunMetrics
from portal.database import PoolStats
from portal.metrics import Metrics
from portal.timing import Timings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hdrh.histogram import HdrHistogram


def histogram(values_us: Iterable[int]) -> HdrHistogram:
    filled = new_histogram()
    for value in values_us:
        filled.record_value(value)
    return filled


def full_run() -> RunMetrics:
    """A run with a value for each metric."""
    answers = histogram([1_500_000, 2_500_000, 4_000_000])
    return RunMetrics(
        run_id="20261124T163435Z-chat",
        journeys="chat",
        profile="pilot",
        contract="phase17",
        results={(Operation.CHAT, Outcome.SUCCESS): 3, (Operation.CHAT, Outcome.TIMEOUT): 1},
        latencies={
            (Operation.CHAT, Ending.SUCCESS): answers,
            (Operation.CHAT, Ending.SLOW): histogram([60_000_000]),
        },
        moments={(Operation.CHAT, Moment.FIRST_CONTENT, Ending.SUCCESS): answers},
        marked={(Operation.CHAT, Mark.READ): 2, (Operation.CHAT, Mark.WAITED_FOR): 1},
        steps={(Operation.CHAT, "retrieval"): histogram([40_000]), (Operation.CHAT, "llm"): answers},
        users=8,
        users_wanted=10,
        houses=20,
        houses_leased=8,
        processes=[
            ProcessReading("portal", rss_bytes=90_000_000),
            ProcessReading("local", 80_000_000, 0.4, 30, 1024, 0.001, 0.01, 0.02, 0.1),
        ],
        criteria=[
            Criterion("chat", "p95_ms", 4000.0, "WARN"),
            Criterion("portal", "rss_mb", None, "NO VERDICT"),
        ],
        problems={"too_few_requests": 1},
        verdict="NO VERDICT",
        failures=[FailureCount("chat", "timeout", 'no "answer"\nwithin 60 s', 1, 1.7e9)],
    )


def portal_page() -> bytes:
    portal = Metrics(lambda: PoolStats(20, 20, 0), BOUNDS_S)
    timings = Timings()
    with timings.step("llm"):
        pass
    portal.count("/api/chat", "POST", 200)
    portal.time("/api/chat", "POST", 200, timings)
    return generate_latest(portal.registry)

"""
How often is a verdict right, and how often is it right to say that it is certain?

Draws 1,000 runs from a distribution whose true p95 is known, at several distances from the limit, judges each as
`loadtest report` would, and writes the shares into docs/certainty.md. Run it with ``make bench``.
"""

from __future__ import annotations

import numpy as np

from benchmarks.documented import put_table
from conf.operations import Operation, Outcome
from conf.subject import Subject
from conf.thresholds import Limits
from monitoring.measurement import Recorder, Tag
from reports.judgement.assessment import assess_subject
from reports.judgement.measured_sample import MeasuredSample
from reports.state import State
from reports.statistics.distribution import Distribution
from reports.statistics.series import Series

RUNS = 1_000
COUNTS = (60, 300, 1_500)
TRUE_SHARES = (0.80, 0.90, 0.95, 1.05, 1.10, 1.25)
"""The true p95, as a share of the limit."""
LIMIT_MS = 3_000.0
SIGMA = 0.25
_P95_OF_STANDARD_NORMAL = 1.6448536269514722


def judge(latencies_ms: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[State | None, bool | None]:
    """State and certainty of one run's p95."""
    recorder, tag = Recorder(), Tag(Operation.CHAT, Outcome.SUCCESS, 0)
    for latency_ms in latencies_ms:
        recorder.record(tag, latency_ms / 1000)
    distribution, series = Distribution(), Series()
    distribution.add_encoded(recorder.take()[str(tag)])
    series.add(0.0, distribution)
    sample = MeasuredSample(Subject(Operation.CHAT), {Outcome.SUCCESS: series}, {}, None)
    (finding,) = assess_subject("chat", [sample], {"p95_ms": Limits(pass_below=LIMIT_MS)}, 20)
    return finding.state, finding.certain


def simulate(count: int, true_share: float, random: np.random.Generator) -> tuple[float, float, float]:
    """Of all runs, the shares that are judged rightly, called certain, and called certain although wrong."""
    median_ms = LIMIT_MS * true_share / np.exp(SIGMA * _P95_OF_STANDARD_NORMAL)
    right = State.PASS if true_share < 1 else State.WARN
    judged = [judge(random.lognormal(np.log(median_ms), SIGMA, count)) for _ in range(RUNS)]
    return (
        sum(state is right for state, _ in judged) / RUNS,
        sum(certain is True for _, certain in judged) / RUNS,
        sum(certain is True and state is not right for state, certain in judged) / RUNS,
    )


def table(random: np.random.Generator) -> str:
    """The shares as a Markdown table."""
    head = "| requests | true p95 ÷ limit | judged rightly | called certain | certain, and wrong |\n|---|---|---|---|---|"
    rows = [
        f"| {count:,} | {share:.2f} | "
        + " | ".join(f"{value:.1%}" for value in simulate(count, share, random))
        + " |"
        for count in COUNTS
        for share in TRUE_SHARES
    ]
    return "\n".join([head, *rows])


def main() -> None:
    """Write the table into the documentation."""
    made = table(np.random.default_rng(17))
    put_table("certainty.md", "simulation", made)
    print(made)  # noqa: T201 - a benchmark is run by hand


if __name__ == "__main__":
    main()

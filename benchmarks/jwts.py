"""What do the JWTs of 20,000 houses cost, compared with PyJWT's own time for the same claims?"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

import jwt

from benchmarks.estate import unsigned_houses
from benchmarks.figures import Figure, spread
from seed.jwts import homeowner_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

TOKENS = 20_000
ROUNDS = 5
_SECRET = "a-secret-of-the-benchmark-that-signs-nothing-else"  # noqa: S105 - of the benchmark


def measure(tokens: int = TOKENS, rounds: int = ROUNDS) -> list[Figure]:
    """In turn, on this process's own clock of the processor."""
    houses, now = list(unsigned_houses(tokens)), datetime.now(UTC)
    signed = homeowner_tokens(houses, _SECRET, now)
    claims = [jwt.decode(token, _SECRET, algorithms=["HS256"]) for token in signed]
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        ours.append(_took_s(lambda: homeowner_tokens(houses, _SECRET, now)))
        bare.append(_took_s(lambda: [jwt.encode(each, _SECRET, algorithm="HS256") for each in claims]))
    ratios = [mine / its for mine, its in zip(ours, bare, strict=True)]
    return [
        Figure(
            f"{tokens:,} JWTs ÷ `jwt.encode` of the same claims, processor time",
            f"{median(ours):.2f} s ÷ {median(bare):.2f} s; {spread(ratios)}",
            median(ratios),
            "at most 1.2",
            median(ratios) <= 1.2,  # noqa: PLR2004 - as the line above says
        )
    ]


def _took_s(make: Callable[[], object]) -> float:
    began_s = time.process_time()
    make()
    return time.process_time() - began_s


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand

from __future__ import annotations

import asyncio
from random import Random
from statistics import quantiles
from uuid import uuid4

from conf.loading import load_settings
from portal.chunk import FoundChunk
from portal.model import SimulatedModel, compose_reply
from portal.ranking import rank

SETTINGS = load_settings(environ={}).portal


def _model(seed: int, slept: list[float] | None = None) -> SimulatedModel:
    async def sleep(seconds: float) -> None:
        assert slept is not None
        slept.append(seconds)

    return SimulatedModel(SETTINGS.model, Random(seed), sleep)


def _chunk(
    content: str, similarity: float = 0.5, *, title: str = "House manual", index: int = 0
) -> FoundChunk:
    return FoundChunk(uuid4(), title, "manual", uuid4(), index, content, similarity)


def test_the_default_delays_look_like_the_documents_sample() -> None:
    model = _model(SETTINGS.random_seed)
    delays = [model.delay_s() for _ in range(2000)]
    percentiles = quantiles(delays, n=100)
    assert abs(percentiles[49] / SETTINGS.model.median_s - 1) < 0.02
    assert percentiles[49] < 2.0
    assert percentiles[94] < 3.0
    assert min(delays) >= SETTINGS.model.minimum_s
    assert max(delays) <= SETTINGS.model.maximum_s


def test_the_same_seed_draws_the_same_delays() -> None:
    first, same, other = _model(1), _model(1), _model(2)
    drawn = [first.delay_s() for _ in range(50)]
    assert drawn == [same.delay_s() for _ in range(50)]
    assert drawn != [other.delay_s() for _ in range(50)]


def test_an_answer_takes_its_delay_and_costs_tokens() -> None:
    slept: list[float] = []
    model, twin = _model(3, slept), _model(3)
    completion = asyncio.run(model.complete("Where is it?", [_chunk("Under the sink. Turn it right.")]))
    assert slept == [twin.delay_s()]
    assert completion.token_count > 0
    assert completion.cost_usd > 0


def test_a_reply_quotes_the_opening_of_the_best_chunks() -> None:
    chunks = [_chunk(f"One {n}. Two {n}! Three {n}? Four {n}.", title=f"Document {n}") for n in range(3)]
    assert compose_reply(chunks) == (
        "Document 0: One 0. Two 0! Three 0?\n\nDocument 1: One 1. Two 1! Three 1?"
    )


def test_a_reply_without_chunks_says_so() -> None:
    assert "could not find" in compose_reply([])


def test_ranking_weighs_meaning_by_six_and_words_by_four() -> None:
    words = _chunk("the stopcock shuts off the water", similarity=0.2)  # 0.12 + 0.4
    meaning = _chunk("closing the main supply", similarity=0.9)  # 0.54
    neither = _chunk("bins are collected on Monday", similarity=0.4)  # 0.24
    assert rank("stopcock water", [neither, words, meaning]) == [meaning, words, neither]


def test_ranking_keeps_ten_and_each_chunk_once() -> None:
    chunks = [_chunk("water", similarity=n / 20, index=n) for n in range(15)]
    assert rank("water", [*chunks, *chunks]) == chunks[:4:-1]

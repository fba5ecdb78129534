"""Measurements: nothing is lost or invented on the way from a result to the file, and percentiles stay true."""

from __future__ import annotations

import gc
import io
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conf.operations import Operation, Outcome
from conf.stream_figures import Moment, Quantity
from monitoring.measurement import (
    HIGHEST_US,
    SIGNIFICANT_DIGITS,
    MeasurementLog,
    Recorder,
    Tag,
    new_histogram,
    utc_now,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

START = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
TAG = Tag(Operation.CHAT, Outcome.SUCCESS, 0)
PERCENTS = (0, 1, 50, 90, 95, 99, 99.9, 100)


class Result(NamedTuple):
    """One result, and the way it takes: which process records it, and in which interval."""

    tag: Tag
    us: int
    process: int
    interval: int


tags = st.builds(
    lambda operation, outcome, step, account: Tag(operation, outcome, step, *account),
    st.sampled_from([Operation.CHAT, Operation.RAG_SEARCH]),
    st.sampled_from([Outcome.SUCCESS, Outcome.TIMEOUT]),
    st.integers(0, 1),
    st.sampled_from(
        [
            (False, ""),
            (True, ""),
            (False, "llm"),
            (True, "", Moment.FIRST_CONTENT),
            (False, "", Quantity.GOOD, "20000-2000-any"),
            (False, "", None, "hit"),
        ]
    ),
)
durations_us = (
    st.integers(1, 3_000) | st.integers(1, HIGHEST_US) | st.sampled_from([1, 2047, 2048, HIGHEST_US])
)
results = st.lists(st.builds(Result, tags, durations_us, st.integers(0, 2), st.integers(0, 2)), max_size=60)


def write_log(recorded: Iterable[Result], file: io.StringIO) -> MeasurementLog:
    """Record and collect as a run does: a recorder per process, a report of each and a line per tag per interval."""
    by_interval: list[list[Result]] = [[], [], []]
    for result in recorded:
        by_interval[result.interval].append(result)
    recorders = [Recorder() for _ in range(3)]
    log = MeasurementLog(file, START)
    for number, interval in enumerate(by_interval, start=1):
        for result in interval:
            recorders[result.process].record(result.tag, result.us / 1e6)
        for recorder in recorders:
            log.add(recorder.take())
        log.write_interval(START + timedelta(seconds=number))
    assert log.merged == log.written == sum(recorder.recorded for recorder in recorders)
    return log


def read_log(text: str, path: Path) -> dict[Tag, HdrHistogram]:
    """Tag → merged histogram, read by HdrHistogram's own reader."""
    path.write_text(text, encoding="ascii")
    reader = HistogramLogReader(str(path), new_histogram())
    merged: dict[Tag, HdrHistogram] = {}
    try:
        while (interval := reader.get_next_interval_histogram()) is not None:
            merged.setdefault(Tag.parse(interval.get_tag()), new_histogram()).add(interval)
    finally:
        reader.input_file.close()
    return merged


def at_rank(histogram: HdrHistogram, rank: int) -> int:
    """The *rank*-th smallest recorded value, as the upper edge of its bucket."""
    index = int(np.searchsorted(np.cumsum(np.ctypeslib.as_array(histogram.counts)), rank))
    return int(histogram.get_highest_equivalent_value(histogram.get_value_from_index(index)))


@settings(max_examples=60)
@given(recorded=results)
def test_however_results_are_split_counts_are_exact_and_percentiles_true_to_a_thousandth(
    recorded: list[Result], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = io.StringIO()
    write_log(recorded, file)
    merged = read_log(file.getvalue(), tmp_path_factory.getbasetemp() / "split.hlog")
    assert set(merged) == {result.tag for result in recorded}
    for tag, histogram in merged.items():
        exact_us = sorted(result.us for result in recorded if result.tag == tag)
        assert histogram.get_total_count() == len(exact_us)
        for percent in PERCENTS:
            rank = max(1, math.ceil(len(exact_us) * percent / 100))
            exact = exact_us[rank - 1]
            assert exact <= at_rank(histogram, rank) <= exact * 1.001


@settings(max_examples=40)
@given(recorded=results)
def test_a_split_gives_the_very_histograms_that_one_process_and_one_interval_give(
    recorded: list[Result], tmp_path_factory: pytest.TempPathFactory
) -> None:
    split, whole = io.StringIO(), io.StringIO()
    tallies = write_log(recorded, split).tallies
    assert (
        tallies == write_log([result._replace(process=0, interval=0) for result in recorded], whole).tallies
    )
    path = tmp_path_factory.getbasetemp() / "same.hlog"
    split_histograms, whole_histograms = read_log(split.getvalue(), path), read_log(whole.getvalue(), path)
    assert split_histograms.keys() == whole_histograms.keys()
    for tag, histogram in split_histograms.items():
        assert list(histogram.counts) == list(whole_histograms[tag].counts)


@pytest.mark.parametrize(
    ("seconds", "kept_us"),
    [(0.0, 1), (-0.5, 1), (4e-7, 1), (1e-6, 1), (1.5e-6, 2), (599.9999994, HIGHEST_US), (601.0, HIGHEST_US), (1e9, HIGHEST_US)],
)  # fmt: skip
def test_results_beyond_the_range_are_kept_at_its_ends(seconds: float, kept_us: int) -> None:
    recorder = Recorder()
    recorder.record(TAG, seconds)
    histogram = new_histogram()
    histogram.decode_and_add(recorder.take()[str(TAG)])
    assert histogram.get_total_count() == recorder.recorded == 1
    assert histogram.get_lowest_equivalent_value(kept_us) <= histogram.get_min_value() <= kept_us
    assert kept_us <= histogram.get_max_value() <= kept_us * 1.001


@given(st.lists(st.integers(1, HIGHEST_US), min_size=1, max_size=50))
@example([1, 2047, 2048, 2049, HIGHEST_US])
def test_values_that_are_recorded_together_are_those_of_one_after_the_other(values_us: list[int]) -> None:
    together, in_turn = Recorder(), HdrHistogram(1, HIGHEST_US, SIGNIFICANT_DIGITS)
    together.record_figure(TAG, [value / 1e6 for value in values_us])
    for value in values_us:
        in_turn.record_value(value)
    assert together.take() == {str(TAG): in_turn.encode()}


def test_a_histogram_is_free_at_once_without_a_search_for_garbage() -> None:
    recorder = Recorder()
    gc.collect()
    before = _count_histograms()
    gc.disable()
    try:
        for _ in range(3):
            recorder.record(TAG, 1.0)
            new_histogram().decode_and_add(recorder.take()[str(TAG)])
        assert _count_histograms() == before
    finally:
        gc.enable()


def _count_histograms() -> int:
    return sum(isinstance(one, HdrHistogram) for one in gc.get_objects())


def test_a_recorder_hands_each_result_over_once_and_counts_all_of_them() -> None:
    recorder = Recorder()
    assert recorder.take() == {}
    recorder.record(TAG, 1.0)
    recorder.record(TAG, 2.0)
    first = recorder.take()
    assert list(first) == ["chat.success.0"]
    assert recorder.take() == {}
    recorder.record(TAG, 3.0)
    assert recorder.recorded == 3
    log = MeasurementLog(io.StringIO(), START)
    assert (log.add(first), log.add(recorder.take()), log.add({})) == (2, 1, 0)


def test_counts_tell_what_was_merged_and_what_was_written() -> None:
    recorder, log = Recorder(), MeasurementLog(file := io.StringIO(), START)
    recorder.record(Tag(Operation.CHAT, Outcome.SUCCESS, 0), 0.1)
    recorder.record(Tag(Operation.CHAT, Outcome.STATUS, 0), 0.1)
    recorder.record(Tag(Operation.ONBOARDING_PAGE, Outcome.ISOLATION, 3), 0.1)
    log.add(recorder.take())
    assert (log.merged, log.written) == (3, 0)
    log.write_interval(START + timedelta(seconds=5))
    assert (log.merged, log.written) == (3, 3)
    before = file.getvalue()
    log.write_interval(START + timedelta(seconds=10))
    assert file.getvalue() == before  # nothing new, no empty lines
    tallies = {name: (tally.requests, tally.failures) for name, tally in log.tallies.items()}
    assert tallies == {Operation.CHAT: (2, 1), Operation.ONBOARDING_PAGE: (1, 1)}


def test_the_file_is_a_histogram_log_with_the_intervals_in_their_places(tmp_path: Path) -> None:
    recorder, file = Recorder(), io.StringIO()
    log = MeasurementLog(file, START)
    for second in (2, 5):
        recorder.record(TAG, 0.25)
        log.add(recorder.take())
        log.write_interval(START + timedelta(seconds=second))
    path = tmp_path / "measurements.hlog"
    path.write_text(file.getvalue(), encoding="ascii")
    reader = HistogramLogReader(str(path), new_histogram())
    try:
        first, second_interval = reader.get_next_interval_histogram(), reader.get_next_interval_histogram()
        assert reader.get_next_interval_histogram() is None
        assert reader.get_start_time_sec() == START.timestamp()
    finally:
        reader.input_file.close()
    start_ms = START.timestamp() * 1000
    assert first.get_start_time_stamp() == pytest.approx(start_ms, abs=1)
    assert first.get_end_time_stamp() == pytest.approx(start_ms + 2000, abs=1)
    assert second_interval.get_start_time_stamp() == pytest.approx(start_ms + 2000, abs=1)
    assert second_interval.get_end_time_stamp() == pytest.approx(start_ms + 5000, abs=1)
    assert first.get_tag() == second_interval.get_tag() == "chat.success.0"
    assert ",250.111," in file.getvalue()  # the longest, in milliseconds: the upper edge of its bucket


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("outcome", Outcome)
def test_every_tag_can_be_read_back(operation: Operation, outcome: Outcome) -> None:
    tag = Tag(operation, outcome, 17)
    assert Tag.parse(str(tag)) == tag


@pytest.mark.parametrize(
    "text", ["", "chat", "chat.success", "chat.success.x", "chat.good.0", "x.success.0", "a.b.c.d"]
)
def test_what_is_no_tag_of_the_suite_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tag.parse(text)


def test_the_clock_is_aware() -> None:
    assert utc_now().tzinfo is UTC

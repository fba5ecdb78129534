"""A log with more intervals than a report has windows says what it says when it is added up one by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hdrh.log import HistogramLogReader

from conf.operations import Operation, Outcome
from monitoring.measurement import MeasurementLog, Recorder, Tag, new_histogram
from reports.reading import measurement_log
from reports.reading.measurement_log import load_measurements

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reports.problem import Problem
    from reports.reading.measurement_log import Measurements

START = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
INTERVALS = 700
TAGS = (
    Tag(Operation.CHAT, Outcome.SUCCESS, 0),
    Tag(Operation.CHAT, Outcome.TIMEOUT, 0),
    Tag(Operation.CHAT, Outcome.SUCCESS, 1),
    Tag(Operation.CHAT, Outcome.SUCCESS, 0, server_step="llm"),
)
"""The second is rare: its windows stay short."""


def write_log(path: Path) -> None:
    """Two workers; now and then one of them has nothing to say."""
    random = np.random.default_rng(17)
    recorders = [Recorder(), Recorder()]
    with path.open("w", encoding="ascii") as file:
        log = MeasurementLog(file, START)
        for number in range(1, INTERVALS + 1):
            for recorder in recorders:
                for tag in TAGS:
                    rare = tag.outcome is Outcome.TIMEOUT and number % 9
                    for us in random.lognormal(13, 1, 0 if rare else random.integers(4)):
                        recorder.record(tag, us / 1e6)
                log.add(recorder.take())
            log.write_interval(START + timedelta(seconds=5 * number))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "measurements.hlog"
    write_log(path)
    return path


def results_of(line: str) -> int:
    histogram = new_histogram()
    histogram.decode_and_add(line.rpartition(",")[2])
    return int(histogram.get_total_count())


def load_in_pieces(path: Path) -> tuple[Measurements, list[Problem]]:
    """As the log of a day is read."""
    problems: list[Problem] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurement_log, "_AT_ONCE", 10_000)
        return load_measurements(path, problems), problems


@pytest.fixture(scope="module")
def loaded(path: Path) -> Measurements:
    measurements, problems = load_in_pieces(path)
    assert problems == []
    return measurements


def test_every_result_is_in_the_bucket_that_hdrs_own_reader_finds(path: Path, loaded: Measurements) -> None:
    reader, merged = HistogramLogReader(str(path), new_histogram()), defaultdict(new_histogram)
    while (interval := reader.get_next_interval_histogram()) is not None:
        merged[Tag.parse(interval.get_tag())].add(interval)
    reader.input_file.close()
    assert set(loaded) == set(merged) == set(TAGS)
    for tag, histogram in merged.items():
        counts = np.zeros(histogram.counts_len, dtype=np.int64)
        buckets, held = loaded[tag].whole.bucket_counts()
        counts[buckets] = held
        assert counts.tolist() == list(histogram.counts)


def test_windows_are_as_short_as_their_number_allows_and_each_holds_its_own(
    path: Path, loaded: Measurements
) -> None:
    reader, results = HistogramLogReader(str(path), new_histogram()), defaultdict(list)
    while (interval := reader.get_next_interval_histogram()) is not None:
        results[Tag.parse(interval.get_tag())].append(
            (interval.get_start_time_stamp() / 1000, np.array(interval.counts, dtype=np.int64))
        )
    reader.input_file.close()
    for tag, intervals in results.items():
        width_s = 5
        while len({start_s // width_s for start_s, _ in intervals}) > 240:
            width_s *= 2
        assert loaded[tag].width_s == width_s
        naive: defaultdict[int, Counter[int]] = defaultdict(Counter)
        for start_s, counts in intervals:
            held = np.flatnonzero(counts)
            naive[int(start_s // width_s)].update(
                dict(zip(held.tolist(), counts[held].tolist(), strict=True))
            )
        windows = {
            number: dict(zip(window.buckets.tolist(), window.counts.tolist(), strict=True))
            for number, window in loaded[tag].counts(width_s).items()
        }
        assert windows == naive
    assert loaded[TAGS[0]].width_s > loaded[TAGS[1]].width_s == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line.replace("Tag=", "Tug="),
        lambda line: line.replace("Tag=", ""),
        lambda line: line.replace("success", "sucess"),
        lambda line: line.replace(",5.000,", ",5.0.0,"),
        lambda line: line.replace(",5.000,", ",inf,"),
        lambda line: line.replace(",5.000,", ","),
        lambda line: line.replace(",5.000,", ",5.000,,"),
        lambda line: line.replace(",HIST", ",x,HIST"),
        lambda line: line.replace(",HIST", "x,HIST"),
        lambda line: line.replace("HIST", "HI ST"),
        lambda line: line.replace("HIST", "HI\u00e9ST"),
        lambda line: line[: line.index("HIST")],
        lambda line: line[:-9],
        lambda line: line + line,
    ],
)
def test_a_damaged_line_far_into_the_log_is_named_and_all_others_are_read(
    path: Path, loaded: Measurements, tmp_path: Path, damage: Callable[[str], str]
) -> None:
    lines = path.read_text(encoding="ascii").split("\n")
    place = next(n for n, line in enumerate(lines) if n > len(lines) // 2 and ".success.0,1" in line)
    lost_with_it = results_of(lines[place])
    lines[place] = damage(lines[place])
    bent = tmp_path / "bent.hlog"
    bent.write_text("\n".join(lines), encoding="utf-8")
    measurements, problems = load_in_pieces(bent)
    assert [problem.message for problem in problems] == [
        f"bent.hlog: line {place + 1}: is damaged or cut off"
    ]
    lost = {tag: loaded[tag].count - measurements[tag].count for tag in TAGS}
    assert lost == dict.fromkeys(TAGS, 0) | {TAGS[0]: lost_with_it}


def test_a_line_with_a_field_less_and_one_with_a_field_more_do_not_make_up_for_each_other(
    path: Path, tmp_path: Path
) -> None:
    lines = path.read_text(encoding="ascii").split("\n")
    place = len(lines) // 2
    lines[place] = lines[place].replace(",5.000,", ",")
    lines[place + 1] = "0," + lines[place + 1]
    bent = tmp_path / "bent.hlog"
    bent.write_text("\n".join(lines), encoding="ascii")
    _, problems = load_in_pieces(bent)
    assert [problem.message for problem in problems] == [
        f"bent.hlog: line {place + 1}: this and 1 other lines are damaged or cut off"
    ]


def test_windows_line_ends_are_no_damage(path: Path, loaded: Measurements, tmp_path: Path) -> None:
    copied = tmp_path / "copied.hlog"
    copied.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    measurements, problems = load_in_pieces(copied)
    assert problems == []
    assert {tag: measurements[tag].count for tag in TAGS} == {tag: loaded[tag].count for tag in TAGS}

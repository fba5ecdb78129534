"""Locust's CSV files of any version, encoding and name are read, or refused by what they are."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

import pytest
from built_run import BuiltRun, Result, evenly, failing

from conf.errors import LoadTestError
from conf.operations import Operation
from reports.reading.decoding import decode_text
from reports.state import State
from reports.verdict import judge_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reports.record import Verdict

REFUSED = "[Errno 111] Verbindung verweigert für Gerät"


@pytest.fixture
def foreign_run(tmp_path: Path) -> Path:
    results = [*evenly("/api/chat", 900, count=396), *failing("/api/chat", 4, message=REFUSED)]
    return BuiltRun(results).write_csv(tmp_path / "theirs")


def each_file(directory: Path, change: Callable[[str], bytes]) -> None:
    for path in directory.glob("*.csv"):
        path.write_bytes(change(path.read_bytes().decode()))


def in_short(verdict: Verdict) -> object:
    rows = [(row.name, row.requests, row.failures, row.latency.p95_ms) for row in verdict.operations]
    return verdict.state, rows, [(group.message, group.count) for group in verdict.failures]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.encode("cp1252"),
        lambda text: text.encode("latin-1"),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: text.replace("\r\n", "\n").encode(),
        lambda text: text.replace("\r\n", "\r").encode(),
        lambda text: text.rstrip("\r\n").encode(),
        lambda text: text.rstrip("\r\n").encode("cp1252"),
    ],
)  # fmt: skip
def test_an_encoding_or_line_end_of_another_program_changes_nothing(
    foreign_run: Path, change: Callable[[str], bytes]
) -> None:
    whole = in_short(judge_run(foreign_run))
    each_file(foreign_run, change)
    verdict = judge_run(foreign_run)
    assert verdict.problems == ()
    assert in_short(verdict) == whole


def test_letters_of_an_unknown_code_page_are_not_damage(foreign_run: Path) -> None:
    each_file(foreign_run, lambda text: text.replace("für Gerät", "отказано").encode("cp1251"))
    verdict = judge_run(foreign_run)
    assert (verdict.state, verdict.failures[0].count) == (State.PASS, 4)


def test_a_replacement_character_that_was_written_is_text() -> None:
    assert decode_text("Name\n\ufffd\n".encode()) == "Name\n\ufffd\n"


def test_null_bytes_are_no_text(foreign_run: Path) -> None:
    path = foreign_run / "theirs_failures.csv"
    path.write_bytes(path.read_bytes() + b"\0" * 9)
    verdict = judge_run(foreign_run)
    assert verdict.state is State.NO_VERDICT
    assert "theirs_failures.csv: is not text" in [problem.message for problem in verdict.problems]


OLD_HEADER = (
    '"{first}","Name","# requests","# failures","Median response time","Average response time",'
    '"Min response time","Max response time","Average Content Size","Requests/s"'
)


def old_run(directory: Path, *, stats: str, first: str, percentiles: str, total: str) -> Path:
    """A run of Locust 0.x or 1.0; *percentiles*: where they stand, ``here`` or in a file of their own."""
    directory.mkdir()
    columns = '"50%","95%","99%","100%"'
    here = percentiles == "here"
    header = OLD_HEADER.format(first=first) + (f",{columns}" if here else "")
    tail = ",800,1500,1900,2100" if here else ""
    figures = f"400,4,800,850,300,2100,900,4.00{tail}"
    lines = [header, f'"POST","/api/chat",{figures}', f'"None","{total}",{figures}']
    (directory / stats).write_text("\n".join(lines))
    if not here:
        rows = [
            f'"Name","# requests",{columns}',
            '"POST /api/chat",400,800,1500,1900,2100',
            f'"{total}",400,1,1,1,1',
        ]
        (directory / percentiles).write_text("\n".join(rows))
    failures = (
        '"Method","Name","Error","Occurrences"\n"POST","/api/chat","HTTPError(\'503 Server Error: x\')",4\n'
    )
    (directory / stats.replace("stats", "failures").replace("requests", "failures")).write_text(failures)
    return directory


@pytest.mark.parametrize(
    "version",
    [
        {"stats": "r_stats.csv", "first": "Type", "percentiles": "here", "total": "Aggregated"},
        {"stats": "r_requests.csv", "first": "Method", "percentiles": "r_distribution.csv", "total": "Total"},
        {"stats": "r_requests.csv", "first": "Method", "percentiles": "r_distribution.csv", "total": "Aggregated"},
        {"stats": "requests_1569240000.12.csv", "first": "Type", "percentiles": "distribution_1569240003.9.csv",
         "total": "Aggregated"},
    ],
)  # fmt: skip
def test_the_columns_of_old_versions_are_read(tmp_path: Path, version: dict[str, str]) -> None:
    verdict = judge_run(old_run(tmp_path / "old", **version))
    assert verdict.problems == ()
    (row,) = verdict.operations
    assert (row.operation, row.requests, row.failures) == (Operation.CHAT, 400, 4)
    assert (row.latency.p50_ms, row.latency.p95_ms, row.latency.max_ms) == (800, 1500, 2100)
    assert verdict.state is State.PASS
    assert [group.code for group in verdict.failures] == ["http_503"]


def distributions(directory: Path, *names: str) -> Path:
    """A run of an old Locust as ``b_…``, and copies of its percentiles under other names with a tenth of the times."""
    old_run(
        directory, stats="b_requests.csv", first="Method", percentiles="b_distribution.csv", total="Total"
    )
    own = (directory / "b_distribution.csv").read_text()
    for name in names:
        (directory / name).write_text(own.replace("00,", "0,").replace("400", "40"))
    return directory


def test_the_percentiles_of_another_run_are_not_taken(tmp_path: Path) -> None:
    directory = distributions(tmp_path / "old", "a_distribution.csv")
    verdict = judge_run(directory)
    assert (verdict.problems, verdict.operations[0].latency.p95_ms) == ((), 1500)
    (directory / "b_distribution.csv").unlink()
    verdict = judge_run(directory)
    assert [problem.message for problem in verdict.problems] == [
        "a_distribution.csv: counts other requests than the statistics: it is of another run"
    ]


def test_of_several_files_of_percentiles_none_is_taken_that_does_not_belong(tmp_path: Path) -> None:
    directory = distributions(tmp_path / "old", "a_distribution.csv", "c_distribution.csv")
    (directory / "b_distribution.csv").unlink()
    verdict = judge_run(directory)
    assert [problem.message for problem in verdict.problems] == ["b_distribution.csv: is missing"]


def test_a_file_of_percentiles_beside_statistics_that_hold_them_changes_nothing(
    foreign_run: Path, tmp_path: Path
) -> None:
    whole = in_short(judge_run(foreign_run))
    distributions(tmp_path / "old")
    (tmp_path / "old" / "b_distribution.csv").rename(foreign_run / "theirs_distribution.csv")
    assert in_short(judge_run(foreign_run)) == whole


def test_failures_that_are_not_among_the_requests_are_no_counts(tmp_path: Path) -> None:
    directory = old_run(
        tmp_path / "old", stats="r_requests.csv", first="Method", percentiles="here", total="Total"
    )
    path = directory / "r_requests.csv"
    path.write_text(path.read_text().replace("400,4,", "0,56,"))
    verdict = judge_run(directory)
    assert verdict.state is State.NO_VERDICT
    assert "counts that cannot be" in verdict.problems[0].message


@pytest.mark.parametrize(
    ("stats", "failures", "exceptions"),
    [
        ("requests_1700000000.1.csv", "failures_1700000004.2.csv", "exceptions_1700000009.9.csv"),
        ("requests_1700000000.1 (1).csv", "failures_1700000004.2 (1).csv", "exceptions.csv"),
        (
            "Locust_2025-11-15-20h00_chat.py_https___shop.example_requests.csv",
            "Locust_2025-11-15-20h00_chat.py_https___shop.example_failures.csv",
            "Locust_2025-11-15-20h00_chat.py_https___shop.example_exceptions.csv",
        ),
        ("report.csv", "what failed.csv", "raised.CSV"),
    ],
)
def test_downloads_from_the_web_ui_are_known_by_their_columns(
    foreign_run: Path, stats: str, failures: str, exceptions: str
) -> None:
    whole = in_short(judge_run(foreign_run))
    for kind, name in (("stats", stats), ("failures", failures), ("exceptions", exceptions)):
        (foreign_run / f"theirs_{kind}.csv").rename(foreign_run / name)
    (foreign_run / "prices.csv").write_text("article,price\nbread,3\n")
    (foreign_run / "requests_full_history_1.csv").write_text("Timestamp,User Count,Type,Name\n")
    assert in_short(judge_run(foreign_run)) == whole


def test_the_failures_of_another_run_are_not_taken(foreign_run: Path) -> None:
    (foreign_run / "elsewhere_failures.csv").write_text("Method,Name,Error,Occurrences\r\nGET,/a,x,99\r\n")
    verdict = judge_run(foreign_run)
    assert [(group.name, group.count) for group in verdict.failures] == [("/api/chat", 4)]


@pytest.mark.parametrize("names", [("a_stats.csv", "b_stats.csv"), ("requests_1.csv", "requests_2.csv")])
def test_several_runs_in_a_directory_are_refused_with_their_names(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    directory = BuiltRun(evenly("/api/chat", 900)).write_csv(tmp_path / "theirs")
    stats = (directory / "theirs_stats.csv").read_bytes()
    (directory / "theirs_stats.csv").unlink()
    for name in names:
        (directory / name).write_bytes(stats)
    with pytest.raises(LoadTestError, match=f"several Locust runs: {', '.join(names)}") as caught:
        judge_run(directory)
    assert f"cp {directory}/{names[0][0]}" in caught.value.next_step


@pytest.mark.parametrize(
    "files",
    [
        {},
        {
            "summary.json": '{"metrics": {"http_req_duration": {}}}',
            "k6.csv": "metric_name,timestamp,metric_value\n",
        },
        {
            "results.jtl": "timeStamp,elapsed,label\n",
            "jmeter.csv": "timeStamp,elapsed,label,responseCode\n1,2,a,200\n",
        },
        {"r_stats_history.csv": "Timestamp,User Count,Type,Name,Requests/s\n1,2,,Aggregated,3\n"},
        {"r_failures.csv": "Method,Name,Error,Occurrences\n"},
        {"prices.csv": "Name,Price\nbread,3\n"},
        {"empty.csv": "", "zeros.csv": "\0\0\0\0"},
    ],
)
def test_a_directory_without_locusts_statistics_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(LoadTestError, match="holds neither a run of this suite nor the statistics") as caught:
        judge_run(tmp_path)
    assert caught.value.next_step
    assert {path.name for path in tmp_path.iterdir()} == set(files)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_statistics_that_a_spreadsheet_saved_anew_are_refused_as_that(
    foreign_run: Path, separator: str
) -> None:
    path = foreign_run / "theirs_stats.csv"
    path.write_text(path.read_text().replace(",", separator))
    with pytest.raises(LoadTestError, match="a spreadsheet has saved it"):
        judge_run(foreign_run)


def test_thousands_of_rows_are_read_and_added_up(tmp_path: Path) -> None:
    results = [Result(f"/house/{number}", 100) for number in range(3000)]
    verdict = judge_run(BuiltRun(results).write_csv(tmp_path / "theirs"))
    assert len(verdict.operations) == 3000
    assert [problem.code for problem in verdict.problems] == ["nothing_judged"]


def test_exceptions_of_user_classes_count_as_in_a_run_of_the_suite(tmp_path: Path) -> None:
    run = BuiltRun(
        evenly("/api/chat", 900), exceptions=[(5318, "'checkout' object has no attribute 'productId'")]
    )
    verdict = judge_run(run.write_csv(tmp_path / "theirs"))
    assert verdict.state is State.NO_VERDICT
    (problem,) = verdict.problems
    assert (problem.code, "5,318 times" in problem.message) == ("exceptions", True)


def test_a_stats_file_that_ends_within_its_last_line_is_cut_off(foreign_run: Path) -> None:
    path = foreign_run / "theirs_stats.csv"
    path.write_bytes(path.read_bytes()[:-30])
    assert re.search("cut off", judge_run(foreign_run).problems[0].message)

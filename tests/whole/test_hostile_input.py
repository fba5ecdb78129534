"""Files from outside, bent in every way: one sentence, its place, and an exit code that says what was at stake."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from built_run import BuiltRun, evenly, failing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conf.environment import split_paths
from conf.errors import LoadTestError
from conf.input_file import MOST_NESTED, open_file, parse_json, parse_toml
from conf.loading import load_settings
from loadtest.logs import command as show_logs
from monitoring.journal.last_day import LastDay, Routes
from monitoring.journal.log_lines import show_record
from monitoring.journal.reading import LONGEST_LINE, JournalReader, newest, parse_record
from reports.baseline_search import reduce_run
from reports.baselines.baseline import Machine
from reports.baselines.baseline_file import load_baseline, write_baseline
from reports.report_files import write_reports
from reports.state import State
from reports.verdict import judge_run
from seed.fixture import House, load_fixture, write_fixture

if TYPE_CHECKING:
    from collections.abc import Callable

RUN_FILES = (
    "manifest.json",
    "measurements.hlog",
    "memory.csv",
    "health.csv",
    "locust_stats.csv",
    "locust_failures.csv",
    "locust_exceptions.csv",
    "errors.jsonl",
)
RECORD = {
    "time": "2026-11-28T20:00:00.000+00:00",
    "kind": "api",
    "route": "/api/chat",
    "message": "failed",
    "writer": "abc",
    "sequence": 1,
}
TIMES = {**RECORD, "kind": "performance", "total_ms": 812.5, "steps_ms": {"auth": 1.5}, "status": 200}
NOTHING_ODD = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def finished_run(tmp_path: Path) -> Path:
    results = [*evenly("chat", 900), *failing("chat", 2)]
    return BuiltRun(results, tracked=[RECORD, {}]).write(tmp_path / "run")


HOSTILE = {
    "nothing": b"",
    "NUL": b"\0" * 100,
    "every byte": bytes(range(256)) * 4,
    "one long line": b"x" * 300_000,
    "nested 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
    "nested objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a number of 5,000 digits": b"9" * 5_000,
    "half a letter": b'"\\ud800"',
    "another encoding": "ünïcödé,ß\n".encode("utf-16"),
}


def replaced_by_a_directory(path: Path) -> None:
    path.mkdir()


def replaced_by_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def replaced_by_a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def replaced_by_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


ODD_FILES = [replaced_by_a_directory, replaced_by_a_pipe, replaced_by_a_loop, replaced_by_a_device]


def bend_manifest(run: Path, **values: Any) -> None:
    path = run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


# Run directories


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_run_directory_with_a_hostile_file_is_no_verdict_and_has_its_report(
    finished_run: Path, name: str
) -> None:
    for content in HOSTILE.values():
        (finished_run / name).write_bytes(content)
        verdict = judge_run(finished_run)
        assert write_reports(verdict, finished_run).exists()
        # The tracked errors stand beside the figures: they are no part of what is judged.
        assert verdict.state is (State.PASS if name == "errors.jsonl" else State.NO_VERDICT)
        assert all(problem.code != "unexpected" for problem in verdict.problems)


@pytest.mark.parametrize("name", RUN_FILES)
@pytest.mark.parametrize("replace", ODD_FILES)
def test_no_reader_of_a_run_directory_waits_for_a_pipe_or_follows_a_loop(
    finished_run: Path, name: str, replace: Callable[[Path], None]
) -> None:
    (finished_run / name).unlink()
    replace(finished_run / name)
    verdict = judge_run(finished_run)
    assert verdict.state is (State.PASS if name == "errors.jsonl" else State.NO_VERDICT)


@pytest.mark.parametrize("name", RUN_FILES[:-1])
def test_each_file_that_locust_or_the_owner_always_writes_is_missed(finished_run: Path, name: str) -> None:
    (finished_run / name).unlink()
    verdict = judge_run(finished_run)
    assert verdict.state is State.NO_VERDICT
    assert any(problem.message.startswith(f"{name}: is missing") for problem in verdict.problems)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"users_peak": True}, "users_peak"),
        ({"users_peak": "5"}, "users_peak"),
        ({"users_peak": 10**4000}, "users_peak"),
        ({"asked_user_s": float("inf")}, "Infinity"),
        ({"asked_user_s": float("nan")}, "NaN"),
        ({"started_at": "-0001-01-01T00:00:00Z"}, "started_at"),
        ({"started_at": "99999-01-01T00:00:00Z"}, "started_at"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "started_at"),
        ({"ended_at": "9999-12-31T23:59:59-12:00"}, "ended_at"),
        ({"started_at": 0}, "started_at"),
        ({"processes": {}}, "processes"),
        ({"settings": 7}, "settings"),
    ],
)
def test_a_manifest_that_holds_what_no_run_has_is_named_by_its_key(
    finished_run: Path, values: dict[str, Any], place: str
) -> None:
    bend_manifest(finished_run, **values)
    verdict = judge_run(finished_run)
    write_reports(verdict, finished_run)
    assert verdict.state is State.NO_VERDICT
    (message,) = (
        problem.message for problem in verdict.problems if problem.message.startswith("manifest.json")
    )
    assert place in message
    assert len(message) < 200


def test_a_run_that_ends_before_it_begins_is_one_sentence(finished_run: Path) -> None:
    """As suites before this one wrote it where the clock was set back."""
    moments = json.loads((finished_run / "manifest.json").read_text())
    moment, step = moments["started_at"], moments["steps"][0]
    back = {"started_at": moments["ended_at"], "ended_at": moment}
    for values in (back, {"steps": [step | back]}, back | {"steps": []}):
        bend_manifest(finished_run, **moments | values)
        verdict = judge_run(finished_run)
        write_reports(verdict, finished_run)
        assert verdict.state is State.NO_VERDICT
        assert [p.message for p in verdict.problems if "ended_at lies before started_at" in p.message]
        assert all(problem.code != "unexpected" for problem in verdict.problems)


def test_a_damaged_payload_under_a_server_step_costs_that_line_alone(finished_run: Path) -> None:
    with (finished_run / "measurements.hlog").open("a") as file:
        file.write("Tag=chat.success.0.server-auth,1.000,1.000,1.000,AAAA\n")
    verdict = judge_run(finished_run)
    write_reports(verdict, finished_run)
    assert verdict.state is State.NO_VERDICT
    assert [problem.code for problem in verdict.problems] == ["damaged_file"]
    assert verdict.operations[0].requests > 0


@NOTHING_ODD
@given(data=st.data())
def test_whatever_is_in_a_run_directory_there_is_a_report_and_no_better_verdict(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = BuiltRun([*evenly("chat", 900)], tracked=[RECORD]).write(tmp_path_factory.mktemp("runs") / "run")
    name = data.draw(st.sampled_from(RUN_FILES))
    content = (run / name).read_bytes()
    (run / name).write_bytes(data.draw(mutations(content)))
    write_reports(judge_run(run), run)


def sentence_of(read: Callable[[], object]) -> str | None:
    """What a reader says; None where it reads. Any other exception is a failure of the test."""
    try:
        read()
    except LoadTestError as error:
        return str(error)
    return None


def mutations(content: bytes) -> st.SearchStrategy[bytes]:
    """Bytes cut out, put in, or exchanged; numbers that are too large, and words that are no numbers."""
    places = st.integers(0, len(content))
    odd = st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"1e999",
                b"-1",
                b"NaN",
                b"Infinity",
                b"9" * 5_000,
                b"9" * 18,
                b"null",
                b"true",
                b'"',
                b"\0",
                b"[" * 5_000,
            ]
        ),
    )
    return st.builds(
        lambda start, length, put: content[:start] + put + content[start + length :],
        places,
        st.integers(0, 12),
        odd,
    )


# Settings


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "[run]\nminimum_requests = true",
            "run.minimum_requests: must be a whole number (given: true)",
        ),
        (
            '[run]\nminimum_requests = "5"',
            "run.minimum_requests: must be a whole number (given: '5')",
        ),
        ('[target]\nrequest_timeout_s = "5"', "target.request_timeout_s: must be a number (given: '5')"),
        ("[run]\nstrict = 1", "run.strict: must be true or false (given: 1)"),
        ("[target]\nrequest_timeout_s = inf", "target.request_timeout_s: must be a finite number"),
        ("[run]\nrandom_seed = " + "9" * 5_000, "holds a number with thousands of digits"),
        ("[run]\nrandom_seed = " + "9" * 4_000, "run.random_seed is a number beyond 64 bits"),
        ("a = " + "[" * 10_000 + "]" * 10_000, f"is nested more than {MOST_NESTED} deep"),
        ("[" + ".".join("a" * 5_000) + "]", f"is nested more than {MOST_NESTED} deep"),
        ('[run]\noutput_dir = "a\\u0000b"', "run.output_dir holds a NUL character"),
        ("[run]\nprofile = 2020-01-01", "run.profile: "),
        (
            "[contract.chat.body]\nsince = 2020-01-01",
            "contract.chat.body: holds a date or time, which JSON has not",
        ),
        ("[contract.chat.body]\na = { b = [07:30:00] }", "contract.chat.body: holds a date or time"),
        ("[contract.chat.headers]\nX = 5", "contract.chat.headers.X: must be a text, in quotes (given: 5)"),
    ],
)
def test_a_setting_of_another_type_or_beyond_all_bounds_is_one_sentence(
    tmp_path: Path, text: str, place: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(LoadTestError) as caught:
        load_settings(config_files=[path], environ={})
    assert place in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize("replace", ODD_FILES)
def test_no_reader_of_settings_secrets_fixtures_or_baselines_waits_for_a_pipe(
    tmp_path: Path, replace: Callable[[Path], None]
) -> None:
    path = tmp_path / "odd"
    replace(path)
    readers: list[Callable[[], object]] = [
        lambda: load_settings(config_files=[path], environ={}),
        lambda: load_settings(environ={"LOADTEST_CONFIG": str(path)}),
        lambda: load_settings({"run.profile": str(path)}, environ={}),
        lambda: load_settings(environ={"SESSION_SECRET_FILE": str(path)}),
        lambda: load_fixture(path),
        lambda: load_baseline(path),
    ]
    for read in readers:
        with pytest.raises(LoadTestError) as caught:
            read()
        assert str(path) in str(caught.value)


def test_a_variable_may_still_spell_a_number_or_a_switch() -> None:
    environ = {"LOADTEST_METRICS_PORT": "9646", "LOADTEST_STRICT": "true", "LOADTEST_TARGET_PID": "12"}
    found = load_settings(environ=environ)
    assert (found.monitoring.metrics_port, found.run.strict, found.target.pid) == (9646, True, 12)


def test_bytes_that_are_no_text_in_the_environment_are_named_by_their_variable() -> None:
    with pytest.raises(LoadTestError, match="LOADTEST_OUTPUT_DIR: is not UTF-8"):
        load_settings(environ={"LOADTEST_OUTPUT_DIR": os.fsdecode(b"runs-\xff")})


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xef\xbb\xbf[run]\nrandom_seed = 3\n")
    assert load_settings(config_files=[path], environ={}).run.random_seed == 3


@pytest.mark.parametrize("name", ["a:b.toml", "a,b c.toml", "-x.toml", "two\nlines.toml", "ü.toml"])
def test_a_file_is_one_file_whatever_its_name(tmp_path: Path, name: str) -> None:
    path, other = tmp_path / name, tmp_path / "other.toml"
    path.write_text("[run]\nrandom_seed = 3\n")
    other.write_text("[run]\nminimum_requests = 7\n")
    assert load_settings(config_files=[path], environ={}).run.random_seed == 3
    run = load_settings(environ={"LOADTEST_CONFIG": f"{path}:{other}"}).run
    assert (run.random_seed, run.minimum_requests) == (3, 7)
    assert split_paths(f"{other}:{path}:missing") == [other, path, Path("missing")]


@NOTHING_ODD
@given(content=st.one_of(st.binary(max_size=60), mutations(b'[run]\nrandom_seed = 3\nprofile = "smoke"\n')))
def test_whatever_a_settings_file_holds_it_is_settings_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("settings") / "own.toml"
    path.write_bytes(content)
    sentence = sentence_of(lambda: load_settings(config_files=[path], environ={}))
    assert sentence is None or 0 < len(sentence) < 4_000


# Fixtures and baselines


@NOTHING_ODD
@given(data=st.data())
def test_whatever_a_fixture_or_a_baseline_holds_it_is_read_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("files")
    house = House("h", "t", "slug", "d", None, 1, "LV-001", "qr", "jwt")
    write_fixture(directory / "houses.jsonl", [house])
    run = BuiltRun([*evenly("chat", 900)]).write(directory / "run")
    baseline = write_baseline(reduce_run(run, "main", Machine(cpus=2, platform="Linux x86_64")), directory)
    for path, load in ((directory / "houses.jsonl", load_fixture), (baseline, load_baseline)):
        path.write_bytes(data.draw(mutations(path.read_bytes())))
        sentence = sentence_of(lambda load=load, path=path: load(path))  # type: ignore[misc]
        assert sentence is None or str(path) in sentence


@pytest.mark.parametrize("spoilt", ["jwt\r\nX-Other: 1", "jw\0t", "jw\ud800t"])
def test_a_token_that_would_end_a_header_is_no_token(tmp_path: Path, spoilt: str) -> None:
    path = tmp_path / "houses.jsonl"
    values = dict.fromkeys(House.__dataclass_fields__, "x") | {"house_number": 1, "jwt": spoilt}
    path.write_text(json.dumps(values) + "\n")
    with pytest.raises(LoadTestError, match="jwt is not what it should be"):
        load_fixture(path)


@pytest.mark.parametrize("parse", [parse_json, parse_toml])
def test_what_is_refused_says_why_in_words_and_not_in_pythons(parse: Callable[[bytes], Any]) -> None:
    for content in HOSTILE.values():
        if not content and parse is parse_toml:
            continue  # an empty file sets nothing
        if content == HOSTILE["half a letter"] and parse is parse_json:
            continue  # refused where a model is built of it
        with pytest.raises(ValueError, match=r"\w") as caught:
            parse(content)
        assert type(caught.value) is ValueError
        assert "set_int_max_str_digits" not in str(caught.value)


def test_a_name_that_no_file_can_have_is_a_file_that_cannot_be_opened() -> None:
    for name in ("a\0b", "x" * 300):
        with pytest.raises(OSError, match=r"\w") as caught:
            open_file(Path(name))
        assert caught.value.strerror


# Logs

ODD_FIELDS: list[dict[str, Any]] = [
    {"time": 7},
    {"time": None},
    {"time": "-0001-01-01"},
    {"time": "99999-12-31T00:00:00"},
    {"time": "0001-01-01T00:00:00"},
    {"kind": ["api"]},
    {"message": ""},
    {"message": "\ud800 half a letter, \x1b[2J\0"},
    {"message": {"a": {"b": {"c": 1}}}},
    {"total_ms": "slow"},
    {"total_ms": True},
    {"total_ms": 10**400},
    {"steps_ms": {"auth": "long"}},
    {"steps_ms": [1]},
    {"left_out": "many"},
    {"left_out": -5},
    {"left_out": 10**300},
    {"stack": {"a": 1}},
    {"stack": []},
    {"context": "none"},
    {"context": {"a": [[[1]]]}},
    {"status": "teapot"},
    {"sequence": 1.5},
    {"lost_before": None},
]


def written_logs(directory: Path) -> Path:
    """Both logs, each with odd lines between two whole records."""
    odd = [json.dumps(base | field) for base in (RECORD, TIMES) for field in ODD_FIELDS]
    odd += [
        '{"total_ms": NaN}',
        '{"total_ms": 1e999}',
        "[" * 10_000,
        "null",
        "7",
        '{"kind": "segment"}',
        '"',
        "",
    ]
    for name, record in (("errors", RECORD), ("performance", TIMES)):
        lines = [json.dumps(record | {"message": "first"}), *odd, json.dumps(record | {"message": "last"})]
        content = "\n".join([*lines, ""]).encode() + b'\xff\xfe{"time"\n' + b"torn"
        (directory / f"{name}.jsonl").write_bytes(content)
    return directory


@pytest.mark.parametrize(
    "options", [{}, {"summary": True}, {"as_json": True}, {"since": "9" * 400 + "d"}, {"kind": "api"}]
)
@pytest.mark.parametrize("performance", [False, True])
def test_an_odd_record_costs_itself_and_neither_the_command_nor_the_page(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, Any],
    performance: bool,  # noqa: FBT001 - a parameter
) -> None:
    monkeypatch.setenv("LOADTEST_LOG_DIR", str(written_logs(tmp_path)))
    every = {
        "performance": performance, "kind": None, "route": None, "run": None, "since": None, "number": 1_000,
        "follow": False, "summary": False, "verify": False, "as_json": False, "config": None,
    }  # fmt: skip
    show_logs(**every | options)
    shown = capsys.readouterr().out
    assert shown.encode()
    if not options:
        assert "first" in shown or performance
        assert shown.count("\n") > 2


def test_the_monitoring_page_counts_the_records_that_are_whole(tmp_path: Path) -> None:
    directory = written_logs(tmp_path)
    now_s = 1795896600.0
    day = LastDay(directory, Routes("/api/chat", "/api/resolve"), lambda: now_s).read()
    assert day.chats > 2
    assert sum(day.errors.values()) > 2
    assert json.dumps(day.newest_errors).isascii()
    assert str(day.newest_errors).encode()


@NOTHING_ODD
@given(
    st.dictionaries(
        st.sampled_from([*TIMES, "stack", "context", "left_out", "lost_before"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
)
def test_a_record_that_is_read_can_be_shown(fields: dict[str, Any]) -> None:
    record = parse_record(json.dumps(TIMES | fields).encode())
    if record is not None:
        assert show_record(record).encode()


def test_a_line_of_a_hundred_megabytes_costs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    with (tmp_path / "errors.jsonl").open("wb") as file:
        file.write(json.dumps(RECORD).encode() + b"\n")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + json.dumps(RECORD).encode() + b"\n" + b"torn" * 1_000_000)
    tracemalloc.start()
    try:
        forwards = len(list(JournalReader(tmp_path, "errors").read()))
        backwards = len(newest(tmp_path, "errors", 10))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (forwards, backwards) == (2, 2)
    assert peak < 8 * LONGEST_LINE

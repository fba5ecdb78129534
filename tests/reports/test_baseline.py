from __future__ import annotations

import json
import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from built_run import STARTED, BuiltRun, Result, evenly, failing

from conf.errors import LoadTestError
from conf.operations import Journey, Outcome
from conf.stream_figures import Moment
from conf.subject import Subject
from reports.baseline_search import find_baseline, reduce_run
from reports.baselines.baseline import Baseline, Machine
from reports.baselines.baseline_file import load_baseline, parse_name, write_baseline
from reports.baselines.reduction import NotComparableError
from reports.judgement.selection import select_sample
from reports.reading.run_files import load_run

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Machine(cpus=2, platform="Linux x86_64")


def chat(count: int = 200) -> list[Result]:
    results = evenly("chat", 900, count)
    random.Random(0).shuffle(results)
    return results


def rag() -> list[Result]:
    """Three levels of load, of which the last is the slowest."""
    return [
        Result(name, ms * (1 + number / 200), step=step)
        for number in range(200)
        for step, ms in enumerate((20, 40, 80))
        for name in ("rag_connection", "rag_query", "rag_search")
    ]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A baseline's file, of a chat run."""
    run = BuiltRun([*chat(), *failing("chat", 3)]).write(tmp_path / "run")
    return write_baseline(reduce_run(run, "chat-main", HERE), tmp_path / "baselines")


# --- what is kept


def test_a_baseline_that_is_written_is_the_one_that_is_read(saved: Path) -> None:
    baseline = load_baseline(saved)
    assert baseline.name == "chat-main"
    assert write_baseline(baseline, saved.parent) == saved
    assert load_baseline(saved) == baseline


def test_its_figures_are_those_of_the_run(saved: Path) -> None:
    (account,) = load_baseline(saved).accounts
    run = load_run(saved.parent.parent / "run")
    sample = select_sample(run.measurements, Subject(account.operation), run.manifest)
    assert (account.requests, account.failures) == (203, 3)
    (successes,) = (series for outcome, series in sample.results.items() if outcome == "success")
    assert np.array_equal(account.latencies().answered.whole.bucket_counts(), successes.whole.bucket_counts())
    assert (account.latencies().answered.windows().counts == successes.windows().counts).all()


def test_a_long_run_has_sixty_windows_at_most_and_every_result(tmp_path: Path) -> None:
    run = BuiltRun(chat(4010)).write(tmp_path / "run")  # an interval every 40 seconds, 101 in all
    (account,) = reduce_run(run, "long", HERE).accounts
    assert 30 <= len(account.windows) <= 60
    assert account.latencies().answered.count == 4010


def test_a_run_with_levels_of_load_is_kept_level_by_level(tmp_path: Path) -> None:
    run = BuiltRun(rag(), journeys=(Journey.RAG,), step_users=(1, 10, 50)).write(tmp_path / "run")
    baseline = reduce_run(run, "rag", HERE)
    names = [account.subject for account in baseline.accounts if account.operation == "rag_search"]
    assert names == ["rag_search@1", "rag_search@10", "rag_search@50"]
    assert len(baseline.accounts) == 9
    assert {account.requests for account in baseline.accounts} == {200}
    path = write_baseline(baseline, tmp_path)
    assert path.stat().st_size < 50_000


def test_a_run_with_one_level_is_kept_as_a_whole(tmp_path: Path) -> None:
    run = BuiltRun(rag()[::3], journeys=(Journey.RAG,), step_users=(10,), manifest={"profile": "soak"})
    with pytest.raises(NotComparableError, match="never measured"):
        reduce_run(run.write(tmp_path / "half"), "rag", HERE)  # nothing but rag_connection
    run.results = [result._replace(step=0) for result in rag()]
    accounts = reduce_run(run.write(tmp_path / "run"), "rag", HERE).accounts
    assert [account.users for account in accounts] == [None] * 3


def test_how_the_run_was_made_is_kept_and_nothing_that_names_a_machine_or_a_place(tmp_path: Path) -> None:
    manifest = {"target": "https://portal.internal.example:8443", "journeys": ["chat"]}
    run = BuiltRun(chat(), manifest=manifest, step_users=(20,)).write(tmp_path / "a-run-of-ours")
    made = reduce_run(run, "chat", Machine.here()).made
    assert made.model_dump(exclude={"machine"}) == {
        "journeys": (Journey.CHAT,),
        "profile": "phase17",
        "contract": "phase17",
        "users": 20,
        "steps": (20,),
        "questions": "31 of the suite, uniform",
        "arrivals_per_second": None,
        "target": "remote",
        "started_at": STARTED,
        "commit": "0a1b2c3",
        "versions": {"python": "3.11.2", "locust": "2.47.0", "suite": "0.1.0"},
    }
    text = write_baseline(reduce_run(run, "chat", Machine.here()), tmp_path).read_text()
    named = ("internal.example", str(tmp_path), run.name, socket.gethostname(), "houses.jsonl")
    assert [name for name in named if name in text] == []


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("http://127.0.0.1:5000", "loopback"),
        ("http://[::1]:5000", "loopback"),
        ("http://localhost:5000", "loopback"),
        ("http://10.0.0.7:5000", "remote"),
        ("https://portal.example", "remote"),
    ],
)
def test_of_the_target_only_its_kind_is_kept(target: str, kind: str, tmp_path: Path) -> None:
    run = BuiltRun(chat(), manifest={"target": target}).write(tmp_path / "run")
    assert reduce_run(run, "chat", HERE).made.target == kind


def test_the_file_can_be_compared_line_by_line(saved: Path) -> None:
    text = saved.read_text()
    document = json.loads(text)
    windows = [payload for account in document["accounts"] for payload in account["windows"]]
    assert windows
    assert all(f'"{payload}"' in [line.strip(" ,") for line in text.splitlines()] for payload in windows)
    assert list(document) == sorted(document)
    assert list(document["made"]) == sorted(document["made"])


# --- what is refused


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".", "-x", "Chat", "chat.json", "é", "a" * 65, "a b", "a\n"]
)
def test_a_name_that_could_be_a_path_or_an_option_is_none(name: str) -> None:
    with pytest.raises(LoadTestError, match="is not a name for a baseline"):
        parse_name(name)


def test_a_run_without_a_verdict_is_no_baseline_and_the_error_says_why(tmp_path: Path) -> None:
    run = BuiltRun(chat(5)).write(tmp_path / "run")
    with pytest.raises(NotComparableError, match=r"is NO VERDICT.*5 requests are too few") as error:
        reduce_run(run, "chat", HERE)
    assert f"loadtest report {run}" in error.value.next_step


def test_a_run_whose_manifest_is_gone_is_no_baseline(tmp_path: Path) -> None:
    run = BuiltRun(chat()).write(tmp_path / "run")
    (run / "manifest.json").unlink()
    with pytest.raises(NotComparableError, match=r"is NO VERDICT.*manifest.json: is missing"):
        reduce_run(run, "chat", HERE)


def test_a_run_that_a_criterion_stopped_is_no_baseline(tmp_path: Path) -> None:
    stop = {
        "subject": "chat",
        "metric": "p95_ms",
        "value": 9000,
        "window_s": 30,
        "at": STARTED.isoformat(),
    }
    run = BuiltRun(chat(), manifest={"stopped_by": stop}).write(tmp_path / "run")
    with pytest.raises(NotComparableError, match="chat stopped the run early"):
        reduce_run(run, "chat", HERE)


def test_somebody_elses_locust_run_is_no_baseline(tmp_path: Path) -> None:
    run = BuiltRun(evenly("/api/chat", 900)).write_csv(tmp_path / "theirs")
    with pytest.raises(NotComparableError, match="two significant digits"):
        reduce_run(run, "theirs", HERE)


def changed(**values: Any) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | values)


def changed_account(**values: Any) -> Callable[[str], str]:
    def change(text: str) -> str:
        document = json.loads(text)
        document["accounts"][0] |= values
        return json.dumps(document)

    return change


def with_damaged_window(text: str) -> str:
    payload = json.loads(text)["accounts"][0]["windows"][1]
    return text.replace(payload, payload[:-8])


def with_an_account_twice(text: str) -> str:
    document = json.loads(text)
    return json.dumps(document | {"accounts": document["accounts"] * 2})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is not JSON, or cut off"),
        (lambda _: "", "is not JSON, or cut off"),
        (lambda _: "\0\1", "is not JSON, or cut off"),
        (lambda _: "[" * 100_000, "is not JSON, or cut off"),
        (lambda _: "[]", "is not a baseline: it names no format"),
        (lambda _: '{"state": "PASS"}', "is not a baseline: it names no format"),
        (changed(format=2), "format: 2 is unknown to this suite, which reads 1"),
        (changed(format="1"), "format: '1' is unknown"),
        (changed(surplus=1), "surplus: is not a known key"),
        (changed(made={}), "made.journeys: is required"),
        (changed_account(operation="teleport"), "accounts.0.operation: must be 'chat', "),
        (changed_account(requests=-1), "accounts.0.requests: must be 0 or more"),
        (changed_account(requests=99), "accounts.0: 99 results of which 3 failed, but the windows hold 200"),
        (changed_account(failures=1000), "accounts.0: 203 results of which 1,000 failed"),
        (changed_account(windows=["x"] * 61), "accounts.0.windows: must hold at most 60"),
        (with_damaged_window, "accounts.0: window 2 is damaged or cut off"),
        (with_an_account_twice, "chat: stands there more than once"),
    ],
)
def test_damage_is_one_sentence_with_the_place_and_what_to_do(
    damage: Callable[[str], str], message: str, saved: Path
) -> None:
    saved.write_text(damage(saved.read_text()))
    with pytest.raises(LoadTestError) as error:
        load_baseline(saved)
    assert error.value.message.startswith(f"{saved}: ")
    assert message in error.value.message
    assert "\n" not in error.value.message
    assert "loadtest baseline save" in error.value.next_step


def test_a_directory_that_cannot_be_made_or_written_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    baseline = reduce_run(BuiltRun(chat()).write(tmp_path / "run"), "chat", HERE)
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadTestError, match="cannot be made") as error:
        write_baseline(baseline, tmp_path / "file" / "baselines")
    assert "--directory" in error.value.next_step


# --- what a name means


def test_a_name_is_looked_up_in_order_and_before_a_path(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, shipped = saved.parent, tmp_path / "shipped"
    other = load_baseline(saved).model_copy(update={"name": "shipped"})
    for name in ("chat-main", "embedded"):
        write_baseline(other.model_copy(update={"name": name}), shipped)
    monkeypatch.chdir(tmp_path)
    BuiltRun(chat()).write(Path("chat-main"))

    def found(text: str) -> Baseline:
        return find_baseline(text, (ours, shipped), HERE)

    assert found("chat-main") == load_baseline(saved)
    assert found("embedded").name == "embedded"
    assert found("shipped/chat-main.json").name == "chat-main"
    assert found("./chat-main").accounts[0].requests == 200, "the run directory of that name"
    with pytest.raises(LoadTestError, match=r"'nope' is neither a baseline \(chat-main, embedded\)"):
        found("nope")
    with pytest.raises(LoadTestError, match="is neither"):
        found("../nope")


def test_the_moments_of_streamed_answers_are_kept_with_what_was_waited_for_in_vain(tmp_path: Path) -> None:
    came = [
        Result("chat", 2500, figures=((Moment.FIRST_CONTENT, 800 + number), (Moment.DONE, 2500)))
        for number in range(60)
    ]
    missed = [Result("chat", 30_000, Outcome.TIMEOUT, "late", figures=((Moment.FIRST_CONTENT, 30_000),))] * 3
    run = BuiltRun([*came, *missed]).write(tmp_path / "run")
    kept = Baseline.model_validate_json(reduce_run(run, "a", HERE).model_dump_json())
    (account,) = kept.accounts
    latencies = account.latencies(Moment.FIRST_CONTENT)
    assert (latencies.answered.count, latencies.waited.count) == (60, 3)
    assert set(account.moments) == {Moment.FIRST_CONTENT, Moment.DONE}

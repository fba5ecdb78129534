"""The web UI's form, its pages and its runs, as somebody at a browser's other end gets them."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
from locust_process import LOCUSTFILES, free_port, served, start
from patience import await_true
from prometheus_client.parser import text_string_to_metric_families
from web_ui import TIMEOUT_S, WebUI, settings_file, web_ui

from conf.operations import Journey
from monitoring.journal.tracker import Tracker
from reports.verdict import judge_run
from reports.wording import figures
from reports.wording import sentences as wording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.embedded import Stack


@pytest.fixture(scope="module")
def ui(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    """One process for all journeys; each test makes runs of its own and waits for their ends."""
    with web_ui(stack, tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture(scope="module")
def distributed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    """A master and two workers."""
    with web_ui(stack, tmp_path_factory.mktemp("distributed"), "--processes", "2") as running:
        await_true(lambda: running.get("/worker-count").json()["worker_count"] == 2)
        yield running


@pytest.fixture(params=["local", "distributed"])
def either(request: pytest.FixtureRequest) -> WebUI:
    running: WebUI = request.getfixturevalue("ui" if request.param == "local" else "distributed")
    return running


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&#160;", "\u00a0").split(" ")).replace(
        "\u00a0", " "
    )


def arguments(ui: WebUI) -> Any:
    """What the page of the form is made of."""
    found = re.search(r"window\.templateArgs = (\{.*\})", ui.get("/").text)
    assert found
    return json.loads(found[1])


# --- the start form


def test_the_form_offers_the_journeys_and_the_profiles_and_starts_with_the_settings_own(ui: WebUI) -> None:
    assert arguments(ui)["all_profiles"] == [
        "phase17", "capacity", "launch", "pilot", "smoke", "soak", "stress",
    ]  # fmt: skip
    journey = arguments(ui)["extra_options"]["journey"]
    assert (journey["choices"], journey["default_value"]) == (["all", *Journey], "all")
    assert "phase17: rag 50, chat 20, onboarding 20, documents 20; " in journey["help_text"]


def test_journeys_that_run_together_have_the_users_of_the_profile_each(either: WebUI) -> None:
    run = either.run(journey="all", profile="smoke", run_time="3s")
    assert run.manifest["users_by_journey"] == {"chat": 10, "documents": 10, "onboarding": 20, "rag": 5}
    assert run.manifest["users_wanted"] == 45
    assert run.problems <= {"fixture_exhausted"}  # the fixture has 20 houses
    fewer = either.run(journey="all", profile="smoke", user_count=9, run_time="3s")
    assert fewer.manifest["users_by_journey"] == {"chat": 2, "documents": 2, "onboarding": 4, "rag": 1}


def test_what_is_chosen_is_what_runs_and_each_run_in_the_same_ui_is_its_own(
    either: WebUI, stack: Stack
) -> None:
    before = served(stack.base_url)
    chat = either.run(journey="chat", profile="smoke")
    assert (chat.manifest["journeys"], chat.manifest["profile"]) == (["chat"], "smoke")
    assert (chat.manifest["users_wanted"], chat.manifest["ended_by"]) == (10, "iterations")
    assert chat.requests() == 30
    rag = either.run(journey="rag", profile="smoke")
    assert [step["users"] for step in rag.manifest["steps"]] == [1, 5]
    assert rag.requests("rag_search") > 0
    assert rag.requests("chat") == 0
    again = either.run(journey="chat", profile="phase17")
    assert (again.manifest["users_wanted"], again.requests()) == (20, 60)
    assert [run.problems for run in (chat, rag, again)] == [set(), set(), set()]
    assert served(stack.base_url)["chat"] - before["chat"] == 90


def test_numbers_that_were_edited_win_and_hold_until_another_journey_or_profile_is_chosen(ui: WebUI) -> None:
    ui.run(journey="chat", profile="smoke")
    numbers = {"user_count": 4, "spawn_rate": 10, "run_time": ""}
    edited = ui.run(journey="chat", profile="phase17", **numbers)
    assert (edited.manifest["users_wanted"], edited.requests()) == (4, 12)
    again = ui.run(journey="chat", profile="phase17", **numbers)
    assert (again.manifest["users_wanted"], again.requests()) == (4, 12)
    left = ui.run(journey="chat", profile="smoke", **numbers)
    assert (left.manifest["users_wanted"], left.requests()) == (10, 30)
    for _ in range(2):
        timed = ui.run(journey="chat", profile="smoke", user_count=10, run_time="3s")
        assert (timed.manifest["users_wanted"], timed.manifest["ended_by"]) == (10, "run time")


def test_the_command_lines_users_hold_for_every_profile(stack: Stack, tmp_path: Path) -> None:
    with web_ui(stack, tmp_path, "-u", "3", "--journey", "chat") as ui:
        for form in ({"profile": "smoke"}, {"profile": "phase17", "journey": "chat", "user_count": 3}):
            run = ui.run(**form)
            assert (run.manifest["users_wanted"], run.manifest["journeys"]) == (3, ["chat"])


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"profile": "nightly"}, "profile: 'nightly' is not offered"),
        ({"profile": "../../pyproject.toml"}, "is not offered"),
        (
            {"journey": "shopping"},
            "no user class for 'shopping' is loaded (loaded: chat, documents, onboarding, rag)",
        ),
        ({"user_count": "many"}, "user_count: 'many' is not a number above 0"),
        ({"user_count": "0"}, "user_count: '0' is not a number above 0"),
        ({"user_count": "2.5"}, "user_count: 2.5 is not a whole number"),
        ({"spawn_rate": "nan"}, "spawn_rate: 'nan' is not a number above 0"),
        ({"run_time": "soon"}, "run time: 'soon' is not a length of time"),
        ({"host": "http://example.com"}, "host 'example.com' is not in target.allowed_hosts"),
        ({"host": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
    ],
)
def test_a_form_that_is_wrong_is_answered_with_a_sentence_and_nothing_is_sent(
    ui: WebUI, stack: Stack, form: dict[str, str], sentence: str
) -> None:
    before, runs = served(stack.base_url), set(ui.runs.iterdir())
    answer = ui.swarm(**{"journey": "chat", "profile": "smoke", **form})
    assert answer["success"] is False
    assert sentence in answer["message"]
    assert answer["host"] == stack.base_url
    assert "Traceback" not in answer["message"]
    assert (served(stack.base_url), set(ui.runs.iterdir())) == (before, runs)


@pytest.mark.parametrize(
    ("variable", "sentence"), [("LOADTEST_FIXTURE", "No fixture at"), ("LOADTEST_OUTPUT_DIR", "cannot")]
)
def test_what_is_missing_is_said_in_the_form_and_can_be_put_right_while_the_ui_stays_open(
    stack: Stack, tmp_path: Path, variable: str, sentence: str
) -> None:
    (tmp_path / "in-the-way").write_text("")
    missing = tmp_path / "in-the-way" if variable == "LOADTEST_OUTPUT_DIR" else tmp_path / "houses.jsonl"
    with web_ui(stack, tmp_path, **{variable: str(missing)}) as ui:
        answer = ui.swarm(journey="chat", profile="smoke")
        assert answer["success"] is False
        assert str(missing) in answer["message"]
        if variable == "LOADTEST_FIXTURE":
            missing.symlink_to(stack.environ["LOADTEST_FIXTURE"])
            assert ui.run(journey="chat", profile="smoke").problems == set()
        else:
            missing.unlink()
            ui.runs = missing
            missing.mkdir()
            assert ui.run(journey="chat", profile="smoke").problems == set()


def test_a_master_offers_the_journeys_that_its_portal_has_and_says_that_it_has_no_workers(
    stack: Stack, tmp_path: Path
) -> None:
    with web_ui(stack, tmp_path, "--master", LOADTEST_CONTRACT="portal-2026") as ui:
        journey = arguments(ui)["extra_options"]["journey"]
        assert journey["choices"] == ["all", *(each for each in Journey if each is not Journey.DOCUMENTS)]
        assert "documents" not in journey["help_text"]
        assert "no worker has joined" in ui.swarm(journey="chat", profile="smoke")["message"]
        assert list(ui.runs.iterdir()) == []


# --- a run under way


def test_start_that_is_pressed_twice_makes_one_run_of_the_load_that_was_chosen(either: WebUI) -> None:
    before, answers = set(either.runs.iterdir()), []
    presses = [
        threading.Thread(
            target=lambda: answers.append(
                requests.post(
                    f"{either.url}/swarm",
                    data={"journey": "chat", "profile": "smoke", "user_count": 20, "spawn_rate": 4},
                    timeout=TIMEOUT_S,
                ).json()
            )
        )
        for _ in range(3)
    ]
    for press in presses:
        press.start()
    for press in presses:
        press.join()
    assert [answer["success"] for answer in answers].count(True) == 1, answers
    assert {answer["message"].split("\n")[0] for answer in answers if not answer["success"]} <= {
        "Error: a run is about to begin",
        "Error: a run is under way",
    }
    await_true(lambda: len(set(either.runs.iterdir()) - before) > 0)
    (made,) = set(either.runs.iterdir()) - before
    run = either.await_end(made)
    assert run.problems == set()
    assert run.requests() == 3 * run.manifest["users_wanted"]


def test_of_a_run_under_way_only_the_users_can_be_edited_and_reset_is_refused(
    ui: WebUI, stack: Stack
) -> None:
    directory = ui.start(journey="chat", profile="smoke", user_count=2, spawn_rate=2, run_time="60s")
    assert "a run is under way" in ui.swarm(journey="chat", profile="phase17")["message"]
    elsewhere = ui.swarm(user_count=4, spawn_rate=10, host="http://localhost:9")
    assert (elsewhere["success"], elsewhere["host"]) == (False, stack.base_url)
    assert "is not a number" in ui.swarm(user_count="x", spawn_rate=10)["message"]
    too_many = ui.swarm(user_count=1_000_000, spawn_rate=10)["message"]
    assert "target.max_users: 1,000,000 users were asked for" in too_many
    assert ui.swarm(user_count=4, spawn_rate=10, journey="chat")["success"]
    assert ui.get("/stats/requests").json()["state"] in {"spawning", "running"}
    await_true(lambda: ui.get("/stats/requests").json()["user_count"] == 4)
    await_true(lambda: ui.get("/stats/requests").json()["stats"][-1]["num_requests"] > 8)
    refused = ui.post("/stats/reset")
    assert (refused.status_code, refused.text) == (409, "Not while a run goes on.\n")
    ui.stop()
    run = ui.await_end(directory)
    assert run.problems == set()
    assert run.manifest["users_wanted"] == 4
    assert run.verdict["failures"] == []
    assert ui.post("/stats/reset").text == "ok"


def test_a_run_whose_users_were_edited_ends_when_its_time_is_over_and_the_next_one_has_as_many(
    either: WebUI,
) -> None:
    form = {"journey": "chat", "profile": "smoke", "run_time": "5s"}
    directory = either.start(user_count=2, spawn_rate=2, **form)
    assert either.swarm(user_count=3, spawn_rate=10)["success"]
    run = either.await_end(directory)
    assert (run.manifest["ended_by"], run.manifest["users_wanted"], run.problems) == ("run time", 3, set())
    again = either.run(user_count=3, spawn_rate=10, **form)
    assert (again.manifest["ended_by"], again.manifest["users_wanted"]) == ("run time", 3)


def test_a_run_with_iterations_ends_when_those_users_have_made_theirs_that_are_still_wanted(
    either: WebUI,
) -> None:
    directory = either.start(journey="chat", profile="phase17", user_count=20, spawn_rate=2, run_time="")
    assert either.swarm(user_count=3, spawn_rate=2)["success"]
    run = either.await_end(directory)
    assert run.manifest["ended_by"] == "iterations"
    assert run.requests() < 60


def test_a_run_that_is_stopped_at_once_is_a_run_that_was_cut_short_and_the_next_one_is_whole(
    either: WebUI,
) -> None:
    assert either.swarm(journey="chat", profile="smoke")["success"]
    either.stop()
    run = either.run(journey="chat", profile="smoke")
    assert (run.problems, run.requests()) == (set(), 30)
    assert [one.name for one in either.runs.iterdir() if not (one / "manifest.json").exists()] == []


def test_a_run_whose_time_is_over_before_all_users_started_leaves_none_to_the_next_one(
    distributed: WebUI,
) -> None:
    first = distributed.run(journey="onboarding", profile="pilot", user_count=40, spawn_rate=2, run_time="3s")
    assert "fewer_users" in first.problems
    second = distributed.run(journey="rag", profile="smoke")
    assert second.requests("onboarding_flow") == 0
    assert second.problems == set()


# --- the tab


def test_before_the_first_run_the_pages_say_so_and_there_is_no_report(stack: Stack, tmp_path: Path) -> None:
    with web_ui(stack, tmp_path, LOADTEST_LOG_DIR=str(tmp_path / "none")) as ui:
        assert "No run yet" in ui.get("/verdict").text
        assert ui.get("/verdict/report").status_code == 404
        assert "No logs yet" in ui.get("/monitoring").text
        assert "loadtest_verdict_state" not in samples(ui)


def samples(ui: WebUI) -> dict[str, dict[tuple[str, ...], float]]:
    """Name → labels' values, sorted by their names → value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(ui.get("/metrics").text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_the_tab_shows_state_values_and_limits_while_the_run_goes_on_and_the_report_after_it(
    either: WebUI,
) -> None:
    directory = either.start(journey="chat", profile="smoke", user_count=5, spawn_rate=5, run_time="60s")
    await_true(lambda: "100 %" in text_of(either.get("/verdict/now").text))
    shown = text_of(either.get("/verdict/now").text)
    assert "Load test, so far" in shown
    assert "Success rate" in shown
    assert "&lt; 2,000 ms" in shown
    assert "The load generator itself" in shown
    assert "/report" not in either.get("/verdict/now").text
    either.stop()
    ended = either.await_end(directory)
    verdict = judge_run(directory)
    shown = text_of(either.get("/verdict/now").text)
    assert wording.headline(verdict) == ended.verdict["headline"]
    assert f" {ended.verdict['state']} " in shown
    assert ended.verdict["headline"] in shown
    for finding in verdict.findings:
        assert figures.finding_value(finding).replace("\u00a0", " ") in shown
    assert either.get("/verdict/report").content == (directory / "report.html").read_bytes()


def test_the_metrics_page_counts_what_the_report_counts(either: WebUI) -> None:
    ended = either.run(journey="chat", profile="smoke")
    found = samples(either)
    assert found["loadtest_requests_total"]["chat", "success"] == ended.requests() == 30
    assert found["loadtest_latency_seconds_count"]["chat", "success"] == 30
    assert found["loadtest_verdict_state"][()] == {"PASS": 0, "WARN": 1}[ended.verdict["state"]]
    values = {
        (finding["metric"], finding["subject"]): finding["value"] for finding in ended.verdict["findings"]
    }
    assert found["loadtest_criterion_value"] == pytest.approx(values)
    assert ended.directory.name in next(iter(found["loadtest_run_info"]))


def test_the_pages_load_nothing_from_elsewhere_and_are_never_stored(ui: WebUI) -> None:
    for path in ("/verdict", "/verdict/now", "/monitoring", "/monitoring/now"):
        answer = ui.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy


# --- the monitoring page


def test_the_monitoring_page_shows_the_days_chats_onboardings_and_latest_errors(
    stack: Stack, tmp_path: Path
) -> None:
    tracker = Tracker(tmp_path / "logs")
    with web_ui(stack, tmp_path, LOADTEST_LOG_DIR=str(tmp_path / "logs")) as ui:
        for number in range(1, 101):
            tracker.log_performance("/api/chat", number * 10.0, {}, status=200)
        tracker.log_performance("/api/qr/resolve", 5.0, {}, status=200)
        for number in range(120):
            tracker.log_llm_error(
                "/api/chat",
                f"<b>number {number}</b>",
                step="llm",
                trace_id="0af7651916cd43dd8448eb211c80319c",
            )
        page = ui.get("/monitoring").text
        read = {
            name: re.search(rf'id="{name}">([^<]*)<', page)
            for name in ("chats", "p50", "p95", "onboardings", "requests")
        }
        assert {name: found[1].replace("\u00a0", " ") for name, found in read.items() if found} == {
            "chats": "100", "p50": "500 ms", "p95": "950 ms", "onboardings": "1", "requests": "101",
        }  # fmt: skip
        assert "Errors: llm</dt><dd>120<" in page
        rows = re.findall(r'<tr><td class="when">.*?</tr>', page)
        assert len(rows) == 100
        assert "&lt;b&gt;number 119&lt;/b&gt;" in rows[0]
        assert "0af76519<" in rows[0]
        assert page.count("<polyline") == 2
        assert page.count("<rect") == 3


# --- Locust's own options


@pytest.mark.parametrize("option", ["--class-picker", "--reset-stats"])
def test_an_option_that_would_spoil_the_run_is_named_and_has_no_effect(
    stack: Stack, tmp_path: Path, option: str
) -> None:
    with web_ui(stack, tmp_path, option) as ui:
        rag = ui.run(journey="rag", profile="smoke")
        assert [step["users"] for step in rag.manifest["steps"]] == [1, 5]
        assert rag.problems == set()
        assert f"{option} has no effect" in ui.end()


def test_below_a_base_path_every_page_is_there(stack: Stack, tmp_path: Path) -> None:
    with web_ui(stack, tmp_path, "--web-base-path", "/load", base_path="/load") as ui:
        assert ui.run(journey="chat", profile="smoke").problems == set()
        assert '<script src="./suite/tabs.js"' in ui.get("/").text
        for path in (
            "/suite/tabs.js",
            "/suite/refresh.js",
            "/verdict",
            "/monitoring",
            "/metrics",
            "/verdict/report",
        ):
            assert ui.get(path).status_code == 200


def test_autostart_runs_without_the_form_and_autoquit_ends_with_the_verdicts_code(
    stack: Stack, tmp_path: Path
) -> None:
    with web_ui(
        stack,
        tmp_path,
        "--autostart",
        "--autoquit",
        "1",
        "--journey",
        "chat",
        "--profile",
        "smoke",
        "-t",
        "3s",
    ) as ui:
        output, _ = ui.process.communicate(timeout=TIMEOUT_S)
    (directory,) = ui.runs.iterdir()
    assert (directory / "report.html").is_file(), output
    assert ui.process.returncode == 0, output


def test_a_port_for_prometheus_is_open_beside_a_web_ui_and_asks_for_no_login(
    stack: Stack, tmp_path: Path
) -> None:
    port = free_port()
    login = {"LOADTEST_WEB_USER": "engineer", "LOADTEST_WEB_PASSWORD": "correct-horse-battery-staple"}
    with web_ui(stack, tmp_path, "--web-login", LOADTEST_METRICS_PORT=str(port), **login) as ui:
        assert ui.get("/metrics").status_code == 401
        page = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT_S)
        assert (page.status_code, "loadtest_users" in page.text) == (200, True)


# --- without a web UI


def headless(stack: Stack, directory: Path, *arguments: str, **environ: str) -> Any:
    config = str(settings_file(directory))
    words = ["-f", str(LOCUSTFILES), "--headless", "--journey", "chat", "--profile", "smoke", *arguments]
    return start(stack, directory / "runs", words, **{"LOADTEST_CONFIG": config, **environ})


def test_a_headless_run_serves_its_metrics_where_its_log_says(stack: Stack, tmp_path: Path) -> None:
    with headless(stack, tmp_path, "-t", "60s", LOADTEST_METRICS_PORT="0") as process:
        url = next(
            found[1] for line in process.stdout if (found := re.search(r"Prometheus page: (\S+)", line))
        )
        await_true(
            lambda: (
                'loadtest_requests_total{operation="chat",outcome="success"}'
                in requests.get(url, timeout=TIMEOUT_S).text
            )
        )
        process.terminate()
        output = process.communicate(timeout=TIMEOUT_S)[0]
    assert process.returncode == 0, output


def test_a_port_in_use_is_refused_before_the_first_request(stack: Stack, tmp_path: Path, ui: WebUI) -> None:
    before, port = served(stack.base_url), ui.url.rpartition(":")[2]
    with headless(stack, tmp_path, LOADTEST_METRICS_PORT=port) as process:
        output = process.communicate(timeout=TIMEOUT_S)[0]
    assert process.returncode == 2
    assert f"monitoring.metrics_port: port {port} of 127.0.0.1 is in use" in output
    assert served(stack.base_url) == before


def test_a_journey_that_is_not_loaded_is_refused_with_the_command_that_loads_it(
    stack: Stack, tmp_path: Path
) -> None:
    words = ["-f", str(LOCUSTFILES / "chat.py"), "--headless", "--journey", "rag"]
    with start(stack, tmp_path / "runs", words) as process:
        output = process.communicate(timeout=TIMEOUT_S)[0]
    assert process.returncode == 2
    assert "no user class for 'rag' is loaded (loaded: chat)" in output
    assert "locust -f locustfiles/" in output

"""The suite in containers, run for real: database, seed, portal, master, workers, as docker-compose.yml puts them together."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import requests
from compose_project import COMMIT, Project, compose_project
from locust_process import ROUTES
from patience import TIMEOUT_S, UNHURRIED, await_true

from reports.state import State
from reports.verdict import judge_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reports.record import Verdict

pytestmark = pytest.mark.requires("engine")
SETTINGS = f"""
[run]
minimum_requests = 1
{UNHURRIED}
[portal.model]
median_s = 0.2
minimum_s = 0.1
"""
PROFILE = """
description = "Long enough to look at"
[rag]
users = 2
iterations = 2
[chat]
users = 6
run_time_s = 600
[onboarding]
users = 3
iterations = 2
"""
SERVICES = ("database", "portal", "master", "worker", "prometheus")
ONCE = ("password", "seed")
OWN = ("--file", "docker-compose.own.yml")
HEADLESS = ("--profile", "ci", "up", "--exit-code-from", "headless", "headless")


def await_that(is_so: Callable[[], object], what: str) -> None:
    await_true(is_so, otherwise=lambda: f"never: {what}")


class WebUI:
    """The master's, seen from the host as an engineer sees it: by the published port, with user and password."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.url = f"http://127.0.0.1:{project.environ['LOADTEST_WEB_PORT']}"
        self.http = requests.Session()
        self.http.trust_env = False

    def log_in(self) -> None:
        form = {"username": "loadtest", "password": env_file(self.project)["LOADTEST_WEB_PASSWORD"]}
        answer = self.http.post(
            f"{self.url}/login_submit", data=form, timeout=TIMEOUT_S, allow_redirects=False
        )
        assert answer.headers["Location"] == "/"

    def get(self, path: str) -> requests.Response:
        return self.http.get(f"{self.url}{path}", timeout=TIMEOUT_S)

    def post(self, path: str, **form: object) -> Any:
        return self.http.post(f"{self.url}{path}", data=form, timeout=TIMEOUT_S).json()

    def workers(self) -> int:
        return len(self.states())

    def states(self) -> list[str]:
        """What the master takes each worker to be doing."""
        return [worker["state"] for worker in self.get("/stats/requests").json().get("workers", [])]

    def start(self, **form: object) -> Path:
        """Press Start; the run's directory on the host."""
        before = self.project.runs()
        answer = self.post("/swarm", **form)
        assert answer["success"], answer
        await_that(lambda: self.project.runs() - before, "a run directory on the host")
        (directory,) = self.project.runs() - before
        return directory

    def await_served(self, more: int) -> None:
        wanted = self.project.served()["chat"] + more
        await_that(lambda: self.project.served()["chat"] >= wanted, f"{more} more answers")

    def await_end(self, run_dir: Path) -> Verdict:
        await_that((run_dir / "verdict.json").exists, "a verdict on the host")
        await_that(lambda: "/report" in self.get("/verdict/now").text, "a report in the web UI")
        return judge_run(run_dir)


def env_file(project: Project) -> dict[str, str]:
    lines = (project.directory / ".env").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def counted(verdict: Verdict) -> dict[str, int]:
    rows = {row.name: row.requests for row in verdict.operations}
    return {name: rows.get(name, 0) for name in ROUTES}


def problems(verdict: Verdict) -> set[str]:
    return {problem.code for problem in verdict.problems}


def difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    directory = tmp_path_factory.mktemp("checkout")
    with compose_project(directory) as project:
        (directory / "conf" / "test.toml").write_text(SETTINGS)
        (directory / "conf" / "profiles" / "look.toml").write_text(PROFILE)
        project.environ |= {
            "LOADTEST_CONFIG": "/settings/test.toml",
            "LOADTEST_PROFILE": "/settings/profiles/look.toml",
            "LOADTEST_WORKERS": "3",
        }
        yield project


@pytest.fixture(scope="module")
def ui(project: Project) -> Iterator[WebUI]:
    """Everything that `docker compose up` starts, and Prometheus; three workers."""
    started = project.compose("--profile", "monitoring", "up", "--detach", "prometheus", "master")
    assert started.returncode == 0, started.stdout[-5000:]
    ui = WebUI(project)
    with ui.http:
        await_that(lambda: health(project, "master") == {"healthy"}, "a healthy master")
        ui.log_in()
        await_that(lambda: ui.workers() == 3, "three workers")
        yield ui


def health(project: Project, service: str) -> set[str]:
    return {found["State"]["Health"]["Status"] for found in project.running(service)}


def test_without_a_secret_compose_refuses_with_a_sentence_that_says_what_to_do(project: Project) -> None:
    (project.directory / ".env").rename(project.directory / "env")
    try:
        refused = project.compose("up", "--detach")
    finally:
        (project.directory / "env").rename(project.directory / ".env")
    assert refused.returncode != 0
    assert "make secrets" in refused.stdout
    assert "SESSION_SECRET" in refused.stdout
    assert [service for service in SERVICES + ONCE if project.containers(service)] == []


def test_every_container_becomes_healthy_runs_without_rights_and_the_seed_ends_with_0(
    project: Project, ui: WebUI
) -> None:
    for service in SERVICES:
        await_that(lambda service=service: health(project, service) == {"healthy"}, f"a healthy {service}")
    assert len(project.running("worker")) == 3
    for service in ONCE:
        assert [found["State"]["ExitCode"] for found in project.containers(service)] == [0]
    for service in SERVICES:
        for found in project.running(service):
            inside = subprocess.run(
                ["docker", "exec", found["Id"], "cat", "/proc/1/status"],
                capture_output=True, text=True, check=True, timeout=TIMEOUT_S,
            ).stdout  # fmt: skip
            status = dict(line.split(":\t", 1) for line in inside.splitlines() if ":\t" in line)
            assert "0" not in status["Uid"].split(), service
            assert int(status["CapEff"], 16) == 0, service


def test_ports_are_published_on_the_loopback_alone_and_the_web_ui_asks_for_its_password(
    project: Project, ui: WebUI
) -> None:
    bindings = {
        binding["HostIp"]
        for service in SERVICES
        for found in project.running(service)
        for bound in (found["HostConfig"]["PortBindings"] or {}).values()
        for binding in bound
    }
    assert bindings == {"127.0.0.1"}
    stranger = requests.get(f"{ui.url}/", timeout=TIMEOUT_S, allow_redirects=False)
    assert (stranger.status_code, stranger.headers["Location"][:6]) == (302, "/login")


def test_secrets_are_only_where_they_are_needed(project: Project, ui: WebUI) -> None:
    secrets = env_file(project)
    environ = {service: str(project.running(service)) for service in SERVICES}
    has_secret = {service for service, text in environ.items() if secrets["SESSION_SECRET"] in text}
    assert has_secret == {"portal", "master"}
    has_password = {service for service, text in environ.items() if secrets["LOADTEST_WEB_PASSWORD"] in text}
    assert has_password == {"master"}
    joins = {service for service, text in environ.items() if secrets["LOADTEST_WORKER_SECRET"] in text}
    assert joins == {"master", "worker"}
    assert [service for service, text in environ.items() if "postgresql://" in text] == []
    mounts = {mount["Destination"] for found in project.running("worker") for mount in found["Mounts"]}
    assert "/app/houses" not in mounts


def test_three_workers_count_what_the_portal_served_and_a_fourth_joins_while_they_do(
    project: Project, ui: WebUI
) -> None:
    before = project.served()
    run_dir = ui.start(journey="chat", user_count=6, spawn_rate=10, run_time="")
    ui.await_served(20)
    scaled = project.compose("up", "--detach", "--no-recreate", "--scale", "worker=4", "worker")
    assert scaled.returncode == 0, scaled.stdout
    await_that(lambda: ui.workers() == 4, "four workers")
    ui.await_served(20)
    assert ui.post("/stop")["success"]
    verdict = ui.await_end(run_dir)
    assert counted(verdict) == difference(project.served(), before)
    assert counted(verdict)["chat"] >= 40
    assert problems(verdict) == set()
    manifest = json.loads((run_dir / "manifest.json").read_text())
    assert manifest["target"] == "http://portal:5000"
    assert manifest["git_commit"] == COMMIT
    owner = int(env_file(project)["LOADTEST_UID"])
    assert {path.stat().st_uid for path in run_dir.rglob("*")} == {owner}
    assert (run_dir / "report.html").exists()


def test_onboarding_and_vector_search_run_on_workers_that_have_no_fixture(
    project: Project, ui: WebUI
) -> None:
    for journey, operation in (("onboarding", "onboarding_resolve"), ("rag", "rag_search")):
        before = project.served()
        verdict = ui.await_end(ui.start(journey=journey))
        rows = {row.name: row.requests for row in verdict.operations}
        assert rows[operation] >= 4
        assert problems(verdict) == set()
        assert counted(verdict) == difference(project.served(), before)


def test_prometheus_reads_the_run_and_the_portal_and_has_the_rules(project: Project, ui: WebUI) -> None:
    url = f"http://127.0.0.1:{project.environ['PROMETHEUS_PORT']}/api/v1"

    def asked(path: str) -> Any:
        return requests.get(f"{url}/{path}", timeout=TIMEOUT_S).json()["data"]

    def up() -> dict[str, str]:
        return {target["labels"]["job"]: target["health"] for target in asked("targets")["activeTargets"]}

    await_that(lambda: up() == {"loadtest": "up", "portal": "up"}, "both targets up")
    await_that(lambda: asked("query?query=loadtest_run_info")["result"], "the run's page in Prometheus")
    rules = [rule for group in asked("rules")["groups"] for rule in group["rules"]]
    assert "PortalGone" in {rule["name"] for rule in rules}


def test_a_worker_that_was_paused_returns_and_the_verdict_says_when_and_how_much_load_was_missing(
    project: Project, ui: WebUI
) -> None:
    await_that(lambda: ui.workers() >= 3, "the workers")
    before = project.served()
    run_dir = ui.start(journey="chat", user_count=6, spawn_rate=10, run_time="")
    ui.await_served(20)
    container = project.running("worker")[0]["Id"]
    subprocess.run(["docker", "pause", container], check=True, capture_output=True, timeout=TIMEOUT_S)
    try:
        await_that(lambda: "missing" in ui.states(), "a worker that the master misses")
    finally:
        subprocess.run(["docker", "unpause", container], check=True, capture_output=True, timeout=TIMEOUT_S)
    await_that(lambda: "missing" not in ui.states(), "the worker back at work")
    ui.await_served(20)
    assert ui.post("/stop")["success"]
    verdict = ui.await_end(run_dir)
    assert verdict.state is State.NO_VERDICT
    assert counted(verdict) == difference(project.served(), before)
    (said,) = [problem.message for problem in verdict.problems if problem.code == "worker_lost"]
    assert re.search(
        r"vanished with \d users?, last heard of at .*returned at .*% of the load was missing$", said
    ), said
    manifest = json.loads((run_dir / "manifest.json").read_text())
    assert [change["event"] for change in manifest["worker_changes"]] == ["vanished", "returned"]
    assert 0 < manifest["missing_user_s"] < manifest["asked_user_s"] / 2


def test_a_killed_worker_makes_no_verdict_and_the_figures_stay(project: Project, ui: WebUI) -> None:
    await_that(lambda: ui.workers() >= 3, "the workers")
    run_dir = ui.start(journey="chat", user_count=6, spawn_rate=10, run_time="")
    ui.await_served(20)
    victim = project.running("worker")[0]["Id"]
    subprocess.run(["docker", "kill", victim], check=True, capture_output=True, timeout=TIMEOUT_S)
    ui.await_served(5)
    assert ui.post("/stop")["success"]
    verdict = ui.await_end(run_dir)
    assert verdict.state is State.NO_VERDICT
    assert counted(verdict)["chat"] >= 5
    assert any("worker" in code for code in problems(verdict)), problems(verdict)


def test_a_master_that_is_told_to_stop_finishes_its_run_and_leaves_a_verdict(
    project: Project, ui: WebUI
) -> None:
    assert project.compose("up", "--detach", "--scale", "worker=3", "worker", "master").returncode == 0
    await_that(lambda: health(project, "master") == {"healthy"}, "a healthy master")
    ui.log_in()
    await_that(lambda: ui.workers() == 3, "three workers")
    before = project.served()
    run_dir = ui.start(journey="chat", user_count=6, spawn_rate=10, run_time="")
    ui.await_served(20)
    assert project.compose("stop", "master").returncode == 0
    verdict = judge_run(run_dir)
    assert problems(verdict) == set()
    assert counted(verdict) == difference(project.served(), before)
    assert [found["State"]["ExitCode"] for found in project.containers("master")] == [0]


def test_nothing_that_was_written_or_said_holds_a_secret(project: Project, ui: WebUI) -> None:
    secrets = [value for value in env_file(project).values() if len(value) > 30]
    assert len(secrets) == 3
    texts = {
        str(path): path.read_text(errors="replace")
        for folder in ("runs", "logs")
        for path in (project.directory / folder).rglob("*")
        if path.is_file()
    }
    texts["what the containers said"] = project.compose("logs", "--no-color").stdout
    assert len(texts) > 20
    assert [name for name, text in texts.items() if any(secret in text for secret in secrets)] == []


def test_a_headless_run_is_one_command_that_ends_with_the_verdicts_exit_code_and_leaves_its_directory(
    project: Project,
) -> None:
    environ = project.environ | {"COMPOSE": " ".join(project.command), "LOADTEST_PROFILE": "smoke"}
    failing = SETTINGS + "[thresholds.chat]\np50_ms = { pass_below = 0.001, fail_above = 0.002 }\n"
    (project.directory / "conf" / "failing.toml").write_text(failing)
    ended = []
    for config in ("/settings/test.toml", "/settings/failing.toml"):
        before = project.runs()
        done = subprocess.run(
            ["make", "containers"],
            cwd=project.directory, env=environ | {"LOADTEST_CONFIG": config}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        (run_dir,) = project.runs() - before
        verdict = judge_run(run_dir)
        ended.append((verdict.state, done.returncode, "Error 1" in done.stdout))
        assert counted(verdict)["chat"] == 30, done.stdout[-3000:]
        assert json.loads((run_dir / "manifest.json").read_text())["profile"] == "smoke"
    assert ended == [(State.PASS, 0, False), (State.FAIL, 2, True)]
    left = ["docker", "ps", "--all", "--quiet", "--filter=label=com.docker.compose.project=openhouse-ci"]
    assert subprocess.run(left, capture_output=True, check=True, timeout=TIMEOUT_S).stdout == b""


def test_secrets_in_files_are_in_no_environment(project: Project, tmp_path: Path) -> None:
    environ = {"LOADTEST_PROFILE": "smoke"}
    secrets = [env_file(project)[name] for name in ("SESSION_SECRET", "LOADTEST_WORKER_SECRET")]
    for name, secret in zip(("SESSION_SECRET", "LOADTEST_WORKER_SECRET"), secrets, strict=True):
        file = tmp_path / name
        file.write_text(f"{secret}\n")
        file.chmod(0o644)
        environ |= {name: "", f"{name}_FILE": str(file)}
    files = ["--file", "docker-compose.yml", "--file", "deploy/compose/secret-files.yml"]
    project.compose("down", "--volumes", "--timeout", "5")
    before = project.runs()
    done = project.compose(*files, *HEADLESS, **environ)
    assert done.returncode == 0, done.stdout[-3000:]
    assert len(project.runs() - before) == 1
    shown = [str(project.containers(service)) for service in ("seed", "portal", "headless", "worker")]
    assert [text for text in shown if any(secret in text for secret in secrets)] == []
    assert ["session_secret" in text for text in shown] == [True, True, True, False]
    assert ["worker_secret" in text for text in shown] == [False, False, True, True]


def test_a_portal_of_ones_own_that_is_not_named_or_not_there_is_told_before_anything_is_sent(
    project: Project,
) -> None:
    project.compose("down", "--volumes", "--timeout", "5")
    refused = project.compose(*OWN, "up", "--detach", LOADTEST_TARGET="")
    assert refused.returncode != 0
    assert "LOADTEST_TARGET=https://staging.example" in refused.stdout
    done = project.compose(*OWN, *HEADLESS, LOADTEST_TARGET="http://portal-of-mine.invalid:5000")
    assert done.returncode == 2, done.stdout[-3000:]
    assert "http://portal-of-mine.invalid:5000/api/health: the portal cannot be reached" in done.stdout
    assert "data/houses.jsonl: the fixture does not exist" in done.stdout
    assert "allowed_hosts" not in done.stdout
    assert [name for name in ("database", "portal", "seed") if project.containers(name)] == []
    project.compose(*OWN, "--profile", "ci", "down", "--timeout", "5")


def test_a_portal_of_ones_own_is_named_by_one_variable_seeded_by_one_command_and_loaded_by_another(
    project: Project,
) -> None:
    assert project.compose("up", "--detach", "portal").returncode == 0
    await_that(lambda: health(project, "portal") == {"healthy"}, "a healthy portal")
    before, runs = project.served(), project.runs()
    address = project.compose("exec", "-T", "portal", "cat", "access/url").stdout.strip()
    environ = {
        "LOADTEST_TARGET": "http://portal:5000",
        "DATABASE_URL": address,
        "LOADTEST_ALLOWED_HOSTS": "database",
    }
    seeded = project.compose(*OWN, "--profile", "seed", "run", "--rm", "seed", **environ)
    assert "Seeded 20 houses" in seeded.stdout, seeded.stdout
    fixture = project.directory / "data" / "houses.jsonl"
    assert fixture.stat().st_mode & 0o777 == 0o600
    assert fixture.stat().st_uid == int(env_file(project)["LOADTEST_UID"])
    done = project.compose(*OWN, *HEADLESS, LOADTEST_TARGET="http://portal:5000", LOADTEST_PROFILE="smoke")
    assert done.returncode == 0, done.stdout[-3000:]
    (run_dir,) = project.runs() - runs
    if project.running("portal"):
        assert counted(judge_run(run_dir)) == difference(project.served(), before)


def test_the_image_holds_nothing_but_what_runs(project: Project) -> None:
    def inside(code: str) -> str:
        return subprocess.run(
            ["docker", "run", "--rm", "--network=none", "openhouse-loadtest", "sh", "-ec", code],
            capture_output=True, text=True, check=True, timeout=TIMEOUT_S,
        ).stdout  # fmt: skip

    assert inside("id -u; id -g; pwd").split() == ["10001", "10001", "/app"]
    assert "loadtest" in inside("loadtest --help")
    assert inside("locust --version").startswith("locust ")
    embedded = inside("loadtest run chat --embedded 2>&1 || echo $?")
    assert "the embedded database is not installed here" in embedded
    assert embedded.split()[-1] == "2"
    installed = inside("ls /opt/venv/lib/python3*/site-packages")
    assert [
        name
        for name in ("ruff", "mypy", "hypothesis", "playwright", "pip", "setuptools", "tests")
        if name in installed.split()
    ] == []
    assert os.environ.get("PIP_INDEX_URL", "no index of its own") not in inside("env")

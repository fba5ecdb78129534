from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg2
import pytest
import warm_python
from patience import TIMEOUT_S, await_true

from conf.errors import LoadTestError
from conf.loading import load_settings
from loadtest.embedded import Stack, embedded_stack, own_log
from seed.fixture import load_fixture

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


# Enters a stack, says where it is, and stays in it.
HOLDER = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
from conf.loading import load_settings
from loadtest.embedded import embedded_stack

with embedded_stack(load_settings(environ={}), lambda *_: None, log_dir=Path(sys.argv[1]), now=datetime.now(UTC)) as stack:
    print(json.dumps([stack.portal_pid, stack.environ["LOADTEST_FIXTURE"]]), flush=True)
    time.sleep(600)
"""


def _stack(
    log_dir: Path, overrides: dict[str, Any] | None = None, **environ: str
) -> AbstractContextManager[Stack]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LOADTEST_")}
    settings = load_settings({"portal.model.median_s": 0.8, **(overrides or {})}, environ={})
    return embedded_stack(
        settings,
        lambda *_: None,
        log_dir=log_dir,
        now=datetime.now(UTC),
        environ=inherited | environ,
        start=warm_python.start,
    )


def _status(url: str, body: object = None, **headers: str) -> int:
    payload = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, payload, headers)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - loopback
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _postgres_processes(directory: Path) -> list[int]:
    return [
        p.pid for p in psutil.process_iter(["cmdline"]) if str(directory) in " ".join(p.info["cmdline"] or [])
    ]


def _await_nothing_left(pid: int, directory: Path) -> None:
    await_true(
        lambda: not (_is_running(pid) or directory.exists() or _postgres_processes(directory)),
        otherwise=lambda: (_is_running(pid), directory.exists()),
    )


def test_the_environment_of_a_stack_is_all_that_a_load_needs(tmp_path: Path) -> None:
    with _stack(tmp_path / "logs") as stack:
        settings = load_settings(environ=stack.environ)
        assert settings.target.base_url == stack.base_url
        assert settings.target.pid == stack.portal_pid
        assert settings.session_secret is not None
        house, *others = load_fixture(settings.seed.fixture)
        assert len(others) == 19
        body = {"message": "Where is the stopcock?", "developmentId": house.development_id}
        assert _status(f"{stack.base_url}/api/chat", body, Authorization=f"Bearer {house.jwt}") == 200
        assert settings.target.metrics_url is not None
        assert _status(settings.target.metrics_url) == 200
        psycopg2.connect(stack.environ["DATABASE_URL"]).close()
        assert settings.session_secret.get_secret_value() not in repr(stack)
        directory = settings.seed.fixture.parent
        assert stack.base_url in (tmp_path / "logs" / "portal.log").read_text()
    assert not _is_running(stack.portal_pid)
    assert not _postgres_processes(directory)
    assert not directory.exists()


def test_a_failure_inside_leaves_nothing_behind_and_the_portal_has_the_given_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far_away = tmp_path / ("x" * 60) / ("y" * 60)  # too far for the path of a socket
    far_away.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(far_away))
    entered: list[Stack] = []

    def fail_inside() -> None:
        with _stack(tmp_path, {"portal.faults.error_ratio": 1.0}) as stack:
            entered.append(stack)
            assert _status(f"{stack.base_url}/api/documents") == 500
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    (stack,) = entered
    _await_nothing_left(stack.portal_pid, Path(stack.environ["LOADTEST_FIXTURE"]).parent)


def test_a_portal_that_does_not_start_says_why_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(LoadTestError, match="'no-such-profile' is not a profile"):
        _stack(tmp_path / "logs", LOADTEST_PROFILE="no-such-profile").__enter__()
    assert not list(tmp_path.glob("openhouse-*"))


def test_a_server_starts_where_another_user_has_the_lock_file_of_its_package() -> None:
    with tempfile.TemporaryDirectory(prefix="openhouse-tests-") as directory:
        Path(directory, ".lockfile").mkdir()  # what nobody can open for writing, root neither
        script = (
            "import sys; from pathlib import Path; from loadtest.embedded_server import start_server as start\n"
            "server = start(Path(sys.argv[1]), cleanup_mode='delete'); print(server.get_uri()); server.cleanup()"
        )
        started = subprocess.run(
            [sys.executable, "-c", script, str(Path(directory, "data"))],
            env={**os.environ, "TMPDIR": directory, "XDG_RUNTIME_DIR": directory},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert started.stdout.startswith("postgresql://"), started.stderr


def test_a_stack_ends_with_a_holder_that_had_no_chance_to_tidy_up(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            pid, fixture = json.loads(holder.stdout.readline())
            assert _is_running(pid)
            holder.kill()
            _await_nothing_left(pid, Path(fixture).parent)
        finally:
            holder.kill()


def test_two_portals_that_log_to_one_directory_have_a_log_each(tmp_path: Path) -> None:
    with own_log(tmp_path / "logs", "portal") as first, own_log(tmp_path / "logs", "portal") as second:
        assert [Path(log.name).name for log in (first, second)] == ["portal.log", "portal-2.log"]
        first.write(b"Portal ready on http://127.0.0.1:1\n")
    with own_log(tmp_path / "logs", "portal") as third:
        assert Path(third.name).name == "portal.log"
        assert Path(third.name).read_bytes() == b""

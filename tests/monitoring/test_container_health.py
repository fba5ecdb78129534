"""Whether a container is well, by what its first process was told to be and what it does."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from locust_process import free_port

from monitoring.probing.container_health import Socket, find_problem, parse_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

TO_MASTER = Socket(40000, 5557, "01")
FOR_WORKERS = Socket(5557, 0, "0A")
PYTHON = "/opt/venv/bin/python3"
LOCUST = [PYTHON, "/opt/venv/bin/locust", "-f", "locustfiles/"]
PORTAL = [PYTHON, "/opt/venv/bin/loadtest", "portal", "--host", "0.0.0.0"]  # noqa: S104 - a word of a command


class Site(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path in {"/", "/api/health/db"} else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Site.status = 200
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_a_worker_is_well_while_it_is_connected_to_its_master() -> None:
    worker = [*LOCUST, "--worker", "--master-host", "owner"]
    assert find_problem(worker, {}, [TO_MASTER]) == ""
    assert find_problem(worker, {}, [FOR_WORKERS]) == "not connected to a master at port 5557"
    assert find_problem(worker, {}, [TO_MASTER._replace(state="02")]) != ""
    assert find_problem([*worker, "--master-port", "6000"], {}, [TO_MASTER]) != ""
    assert find_problem(LOCUST, {"LOCUST_MODE_WORKER": "1", "LOCUST_MASTER_NODE_PORT": "6"}, []) != ""


def test_a_headless_master_is_well_while_it_listens_for_workers() -> None:
    master = [*LOCUST, "--master", "--headless"]
    assert find_problem(master, {}, [FOR_WORKERS]) == ""
    assert find_problem(master, {}, [TO_MASTER]) == "does not listen for workers at port 5557"
    assert find_problem([*master, "--master-bind-port=6000"], {}, [Socket(6000, 0, "0A")]) == ""


def test_a_master_with_a_web_ui_is_well_while_that_answers_too(port: int) -> None:
    master = [*LOCUST, "--master", "--web-port", str(port)]
    assert find_problem(master, {}, [FOR_WORKERS]) == ""
    assert find_problem(master, {}, []) == "does not listen for workers at port 5557"
    Site.status = 302  # to the login
    assert find_problem(master, {}, [FOR_WORKERS]) == ""
    Site.status = 500
    assert find_problem(master, {}, [FOR_WORKERS]) == f"http://127.0.0.1:{port}/ answered 500"


def test_a_portal_is_well_while_it_reaches_its_database(port: int) -> None:
    portal = [*PORTAL, "--port", str(port)]
    assert find_problem(portal, {}, []) == ""
    Site.status = 503
    assert find_problem(portal, {}, []) == f"http://127.0.0.1:{port}/api/health/db answered 503"
    nobody = [*PORTAL, "--port", str(free_port())]
    assert "does not answer: " in find_problem(nobody, {}, [])


def test_a_command_that_ends_by_itself_is_well_while_it_runs() -> None:
    assert find_problem([PYTHON, "/opt/venv/bin/loadtest", "seed"], {}, []) == ""
    assert find_problem(["/sbin/docker-init", "--", "loadtest", "run", "chat"], {}, []) == ""


def test_an_init_process_before_the_command_hides_nothing() -> None:
    assert find_problem(["/sbin/docker-init", "--", "locust", "--worker"], {}, []) != ""


def test_sockets_are_read_as_the_kernel_writes_them() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000:15B5 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0\n"
        "   1: 030013AC:9C40 020013AC:15B5 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0\n"
    )
    assert list(parse_sockets(table)) == [FOR_WORKERS, TO_MASTER]


def test_it_imports_nothing_of_the_suite_and_takes_no_packages_along() -> None:
    code = "import sys, monitoring.probing.container_health as h; h.main(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"locust", "gevent", "pydantic", "http.client", "urllib.request", "monitoring.health"}

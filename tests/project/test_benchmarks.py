"""The benchmarks run, at sizes at which their figures mean nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import warm_python
from patience import TIMEOUT_S

from benchmarks.documented import DOCS, put_table
from benchmarks.estate import chat_answer
from benchmarks.figures import Figure, as_table
from benchmarks.null_server import null_server
from benchmarks.stream_server import Pace, load_written, stream_server
from conf.address import parse_origin
from conf.loading import load_settings
from swarm.http.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Mapping


ROOT = Path(__file__).parents[2]
BRISK = Pace(contents=8, first_s=0.05, gap_s=0.01, longest_s=0.05, heartbeat_s=0.01)


@pytest.mark.parametrize(
    ("name", "sizes", "figures"),
    [
        ("throughput", {"rounds": 1, "seconds": 0.2, "with_peers": False}, 7),
        ("held_open", {"users": 30, "few": 10, "seconds": 1.5}, 3),
        ("processes", {"rounds": 1, "seconds": 1.0}, 2),  # longer than its users wait
        ("stream_truth", {"rounds": 1, "seconds": 1.0, "streams": 3, "pace": BRISK, "circumstances": [(1, 0.01)]}, 1),
        ("stream_scale", {"streams": (5,), "seconds": 1.5}, 2),
        ("stream_reading", {"rounds": 1, "seconds": 0.2, "streams": (3, 3), "with_peers": False}, 6),
        ("jwts", {"tokens": 20, "rounds": 1}, 1),
        ("seeding", {"chunks": 2_000}, 1),
    ],
)  # fmt: skip
def test_a_benchmark_finds_its_figures(
    name: str, sizes: Mapping[str, Any], figures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != "held_open":  # which measures memory
        monkeypatch.setattr("benchmarks.generator.start", _start)
    found: list[Figure] = import_module(f"benchmarks.{name}").measure(**sizes)
    assert len(found) == figures
    assert all(figure.ratio is None or figure.ratio > 0 for figure in found)


def _start(command: list[str], **options: Any) -> subprocess.Popen[Any]:
    is_locust = command[1:3] == ["-m", "locust"]
    return warm_python.start(command[2:], **options) if is_locust else subprocess.Popen(command, **options)


def test_the_report_that_is_timed_is_one_with_a_verdict() -> None:
    """In a process of its own: it imports Locust, which patches the standard library."""
    code = "from benchmarks.day_report import measure; print(len(measure(length_s=600, rounds=1)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_the_null_server_counts_what_it_answers() -> None:
    request = b"POST /api/chat HTTP/1.1\r\nContent-Length: 2\r\n\r\nok"
    with null_server(chat_answer(), 0.05) as server:
        settings = load_settings(environ={})
        connections = Connections(parse_origin(server.base_url), settings.target, settings.answers)
        answers = {connections.exchange("POST", request).content for _ in range(5)}
        served = server.served()
        connections.close()
    assert answers == {chat_answer()}
    assert (served.requests, served.open, served.connections) == (5, 0, 1)


def test_the_stream_server_writes_down_each_text_that_it_writes(tmp_path: Path) -> None:
    trace_id, log = "4bf9" * 8, tmp_path / "written.jsonl"
    request = f"POST / HTTP/1.1\r\nContent-Length: 2\r\ntraceparent: 00-{trace_id}-00f0\r\n\r\nok".encode()
    with stream_server(BRISK, log) as server:
        address = parse_origin(server.base_url)
        with socket.create_connection((address.host, address.port), TIMEOUT_S) as opened:
            opened.sendall(request)
            read = b""
            while not read.endswith(b"0\r\n\r\n"):
                read += opened.recv(65_536)
    (written,) = load_written(log).values()
    moments = [written.asked_s, *written.contents_s, written.done_s]
    assert written.trace_id == trace_id
    assert moments == sorted(moments)
    assert len(written.contents_s) == read.count(b'"type":"text"') >= 4
    assert read.count(b": ping")


def test_a_table_says_of_each_figure_whether_it_is_what_was_wanted() -> None:
    figures = [
        Figure("a", "1 s"),
        Figure("b", "2 s", 0.5, "at most 1", reached=True),
        Figure("c", "3 s", 2.0, "1", reached=False),
    ]
    assert as_table(figures).splitlines()[2:] == [
        "| a | 1 s |  |  |  |", "| b | 2 s | 0.50 | at most 1 | yes |", "| c | 3 s | 2.00 | 1 | **no** |",
    ]  # fmt: skip


def test_a_table_goes_into_its_place_and_a_place_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.documented.DOCS", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- made -->\n<!-- /made -->\nb\n")
    for table in ("| 1 |", "| 2 |"):
        put_table("page.md", "made", table)
        assert page.read_text() == f"a\n<!-- made -->\n{table}\n<!-- /made -->\nb\n"
    with pytest.raises(ValueError, match="no one place between <!-- other -->"):
        put_table("page.md", "other", "| 1 |")


@pytest.mark.parametrize(
    ("page", "mark"), [("certainty.md", "simulation"), ("error-tracking.md", "benchmark")]
)
def test_a_place_for_a_table_holds_one(page: str, mark: str) -> None:
    text = (DOCS / page).read_text()
    assert text.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0].count("\n|") > 4

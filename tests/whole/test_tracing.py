"""
Traces, with a real collector: from the load's request through the portal into the database, and nothing where nobody
asked for them.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import locust_process
import pytest
import warm_python
from locust_process import LOCUSTFILES, free_port
from portal_process import bearer, running_portal
from quick_stack import take_time
from trace_collector import running_collector

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.trace_exporters import OTHER_ENDPOINTS, require_allowed_exporters
from loadtest.embedded import embedded_stack
from monitoring import tracing
from monitoring.tracing import open_tracer, trace_id_of, wanted_exporters
from seed.fixture import load_fixture

pytest_plugins = ["portal_estate"]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locust_process import Finished
    from portal_process import Estate
    from trace_collector import Collector, Span

    from loadtest.embedded import Stack

CHAT = ("-f", str(LOCUSTFILES / "chat.py"), "--profile", "smoke")
QUICK: dict[str, Any] = {f"portal.model.{bound}_s": 0.05 for bound in ("median", "minimum", "maximum")}
STEPS = {"auth", "retrieval", "llm", "insert"}


def without_otel() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}


@contextmanager
def traced_stack(directory: Path, environ: dict[str, str], **settings: object) -> Iterator[Stack]:
    """A stack whose portal has these variables; what it still has to send is sent at the end of the block."""
    with embedded_stack(
        load_settings(QUICK | settings, environ={}),
        lambda *_: None,
        log_dir=directory / "logs",
        now=datetime.now(UTC),
        environ=without_otel() | environ,
        start=warm_python.start,
    ) as stack:
        take_time(stack, directory)
        yield stack


def performance(log_dir: Path) -> list[dict[str, Any]]:
    """What the portal wrote down about its requests."""
    lines = (log_dir / "performance.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == "performance"]


# --- on


@dataclass(frozen=True)
class Traced:
    """A run of chat and onboarding, by two workers, with a portal that refuses some requests."""

    run: Finished
    collector: Collector
    stack: Stack
    secrets: set[str]
    """What must stand in no span: tokens, the secret, where the database is, ids of houses."""

    def server_of(self, client: Span) -> Span:
        (server,) = self.collector.below(client)
        return server

    @property
    def answered(self) -> list[Span]:
        return [span for span in self.collector.of("client", "chat") if not span.failed]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    directory = tmp_path_factory.mktemp("traced")
    with running_collector() as collector:
        otel = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=of-the-test",
        }
        zipped = otel | {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
        with traced_stack(directory, zipped, **{"portal.faults.error_ratio": 0.3}) as stack:
            houses = load_fixture(Path(stack.environ["LOADTEST_FIXTURE"]))
            files = f"{LOCUSTFILES / 'chat.py'},{LOCUSTFILES / 'onboarding.py'}"
            run = locust_process.run(
                stack, directory / "runs", "-f", files, "--profile", "smoke", "--processes", "2", environ=otel
            )
        secrets = {secret for house in houses for secret in (house.jwt, house.qr_token, house.house_id)}
        yield Traced(run, collector, stack, secrets | {stack.environ["SESSION_SECRET"], stack.database_url})


def requests_of(run: Finished) -> Counter[str]:
    verdict = json.loads((run.run_dir / "verdict.json").read_text())
    names = locust_process.ROUTES
    return Counter({row["name"]: row["requests"] for row in verdict["operations"] if row["name"] in names})


def test_a_run_exports_a_span_of_each_of_its_requests_from_all_workers(traced: Traced) -> None:
    spans = traced.collector.of("client")
    assert Counter(span.name for span in spans) == requests_of(traced.run)
    assert requests_of(traced.run).total() > 60
    assert {span.service for span in spans} == {"openhouse-loadtest"}
    assert traced.run.counted == traced.run.served


def test_the_portals_span_is_part_of_its_clients(traced: Traced) -> None:
    clients = traced.collector.of("client")
    assert len({client.trace_id for client in clients}) == len(clients)
    for client in clients:
        server = traced.server_of(client)
        assert (server.kind, server.service, server.trace_id) == (
            "server",
            "openhouse-portal",
            client.trace_id,
        )
    named = {client.name: traced.server_of(client).name for client in clients}
    assert named == {
        "chat": "POST /api/chat",
        "onboarding_page": "GET /onboarding/{qr_token}",
        "onboarding_resolve": "POST /api/qr/resolve",
    }


def test_an_answer_is_followed_through_its_steps_into_the_database(traced: Traced) -> None:
    assert traced.answered
    for client in traced.answered:
        steps = traced.collector.below(traced.server_of(client))
        assert {step.name for step in steps} >= STEPS
        inner = {step.name: [] for step in steps}  # type: dict[str, list[Span]]
        for step in steps:
            inner[step.name] += traced.collector.below(step)
        for name in ("auth", "retrieval", "insert"):
            assert {span.name for span in inner[name]} == {"wait for a connection", "query"}, name
        assert inner["llm"] == []
        texts = [span.attributes["db.query.text"] for span in inner["retrieval"] if span.name == "query"]
        assert all("<=>" in text and "$1" in text for text in texts)
        assert any("INSERT INTO messages" in s.attributes.get("db.query.text", "") for s in inner["insert"])
        assert {s.trace_id for step in inner.values() for s in step} == {client.trace_id}


def test_no_span_holds_a_secret_a_token_or_what_a_query_was_asked_with(traced: Traced) -> None:
    exported = b"".join(traced.collector.raw).decode("utf-8", "replace")
    assert "SELECT" in exported
    assert [secret for secret in traced.secrets if secret in exported] == []
    assert {span.events for span in traced.collector.spans} == {0}  # where exceptions' words would stand
    assert {name for span in traced.collector.spans for name in span.attributes} == {
        "db.query.text", "db.system.name", "error.type", "http.request.method", "http.response.status_code",
        "http.route",
    }  # fmt: skip
    told = {str(value) for span in traced.collector.spans for value in (span.said, *span.attributes.values())}
    assert [text for text in told if re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|\d{4}-\d\d-\d\d", text)] == []


def test_the_slowest_answers_of_the_verdict_are_found_among_the_traces(traced: Traced) -> None:
    verdict = json.loads((traced.run.run_dir / "verdict.json").read_text())
    slowest = {answer["trace_id"]: answer["operation"] for answer in verdict["manifest"]["slowest"]}
    names = {span.trace_id: span.name for span in traced.collector.of("client")}
    assert len(slowest) == 15  # five of each operation
    assert {trace_id: names.get(trace_id) for trace_id in slowest} == slowest


def test_what_failed_is_marked_on_both_sides(traced: Traced) -> None:
    failures = Counter(
        {row.name: row.failures for row in traced.run.verdict.operations if row.name in locust_process.ROUTES}
    )
    failed = [span for span in traced.collector.of("client") if span.failed]
    assert Counter(span.name for span in failed) == +failures
    assert failed
    for span in failed:
        assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == (
            "status",
            500,
        )
        assert span.said.startswith("status: ")
        server = traced.server_of(span)
        assert (server.failed, server.attributes["error.type"]) == (True, "500")
    assert {traced.server_of(span).failed for span in traced.answered} == {False}


def test_both_speak_to_the_collector_as_the_variables_say(traced: Traced) -> None:
    assert traced.collector.encodings == {"", "gzip"}
    assert {headers["x-key"] for headers in traced.collector.headers} == {"of-the-test"}


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_cut_short_has_its_spans_sent_all_the_same(
    interrupt: signal.Signals, stack: Stack, tmp_path: Path
) -> None:
    with running_collector() as collector:
        run = locust_process.run(
            stack, tmp_path, *CHAT, "--processes", "2", "-t", "80s", interrupt=(interrupt, 1),
            environ={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
        )  # fmt: skip
        assert requests_of(run).total() > 0
        assert Counter(span.name for span in collector.of("client")) == requests_of(run)


def test_locusts_own_telemetry_beside_ours_does_no_harm(stack: Stack, tmp_path: Path) -> None:
    with running_collector() as collector:
        otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        run = locust_process.run(stack, tmp_path, *CHAT, "--otel", environ=otel)
        assert run.counted == run.served
        assert Counter(span.name for span in collector.of("client")) == {"chat": 30}


def test_a_sampler_is_honoured_and_the_header_says_what_it_decided(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with (
        running_collector() as collector,
        monkeypatch.context() as patch,
    ):
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with open_tracer("a service", load_settings(environ={})) as tracer:
            trace = tracing.Tracing(tracer).begin("chat")
            assert int(trace.traceparent[-2:], 16) & 1 == 0
            trace.end("", 200)
        assert collector.spans == []


@pytest.mark.parametrize(
    ("variables", "service"),
    [
        ({}, "a service"),
        ({"OTEL_SERVICE_NAME": "named"}, "named"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=by-attribute"}, "by-attribute"),
    ],
)
def test_the_variables_name_the_service(
    variables: dict[str, str], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_collector() as collector:
        for name, value in ({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | variables).items():
            monkeypatch.setenv(name, value)
        with open_tracer("a service", load_settings(environ={})) as tracer:
            tracing.Tracing(tracer).begin("chat").end("", 200)
        assert [(span.name, span.service) for span in collector.spans] == [("chat", service)]


# --- off


@pytest.mark.parametrize(
    ("variables", "exporters"),
    [
        ({}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, set()),
        ({"OTEL_SERVICE_NAME": "named", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, {"otlp"}),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, {"otlp"}),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, {"otlp"}),
        ({"OTEL_TRACES_EXPORTER": "otlp, console"}, {"otlp", "console"}),
        ({"OTEL_TRACES_EXPORTER": "none"}, set()),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, set()),
        ({"OTEL_SDK_DISABLED": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, set()),
        ({"OTEL_SDK_DISABLED": "false", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, {"otlp"}),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, set()),
    ],
)
def test_traces_go_where_the_variables_say(variables: dict[str, str], exporters: set[str]) -> None:
    assert wanted_exporters(variables) == exporters


def test_an_exporter_that_is_not_known_is_told_and_nothing_goes_anywhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}
    assert wanted_exporters(environ) == set()
    assert "OTEL_TRACES_EXPORTER: zipkin: only otlp, console and none are known" in caplog.text


def test_spans_can_go_to_the_console() -> None:
    code = (
        "from conf.loading import load_settings\nfrom monitoring.tracing import Tracing, open_tracer\n"
        "with open_tracer('a service', load_settings(environ={})) as tracer: Tracing(tracer).begin('chat').end('', 200)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=without_otel() | {"OTEL_TRACES_EXPORTER": "console"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["name"] == "chat"


@pytest.mark.parametrize(
    "variables", [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}], ids=str
)
def test_off_nothing_is_loaded_or_sent_and_each_request_still_names_a_trace_of_its_own(
    variables: dict[str, str], tmp_path: Path
) -> None:
    with running_collector() as collector:
        environ = {"PYTHONPROFILEIMPORTTIME": "1"}  # every process lists what it imports
        if variables:
            environ |= variables | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        with traced_stack(tmp_path, environ) as stack:
            run = locust_process.run(stack, tmp_path / "runs", *CHAT, environ=environ)
        assert collector.spans == []
    for imported in (run.output, (tmp_path / "logs" / "portal.log").read_text()):
        assert re.search(r"\| +monitoring\.tracing$", imported, re.MULTILINE)
        assert not re.search(r"\| +opentelemetry\.(sdk|exporter)", imported)  # FastAPI loads the interface
    records = performance(tmp_path / "logs")
    seen = {record["context"]["trace_id"] for record in records if record["route"] == "/api/chat"}
    assert len(seen) == run.counted["chat"] == 30  # the portal keeps a trace only of a header that is one
    assert {answer["trace_id"] for answer in run.manifest["slowest"]} <= seen


def test_processes_of_one_fork_name_different_traces() -> None:
    """As Locust's ``--processes`` makes them: each would draw the same ids from a generator that it inherits."""
    forking = (
        "import os\n"
        "from monitoring.tracing import Tracing\n"
        "def tell():\n"
        "    os.write(1, Tracing(None).begin('chat').trace_id.encode() + b'\\n')  # in one piece beside the others\n"
        "tell()\n"
        "children = [os.fork() or os._exit(tell() or 0) for _ in range(3)]\n"
        "[os.waitpid(child, 0) for child in children]\n"
    )
    done = subprocess.run([sys.executable, "-c", forking], capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 4


def test_a_trace_that_nobody_records_has_a_header_that_is_one_and_is_marked_as_sampled() -> None:
    begun = [tracing.Tracing(None).begin("chat") for _ in range(1000)]
    assert len({trace.traceparent for trace in begun}) == 1000
    assert all(
        re.fullmatch(rf"00-{trace.trace_id}-[0-9a-f]{{16}}-01", trace.traceparent)
        and trace_id_of(trace.traceparent) == trace.trace_id
        for trace in begun
    )


# --- a collector that is none


@contextmanager
def silent_collector() -> Iterator[str]:
    """Takes connections, and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def absent_collector() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("collector", [silent_collector, absent_collector])
def test_a_collector_that_does_not_answer_does_not_disturb_a_run_or_the_portal(
    collector: Any, tmp_path: Path
) -> None:
    with collector() as url:
        otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
        with traced_stack(tmp_path, otel) as stack:
            run = locust_process.run(stack, tmp_path / "runs", *CHAT, environ=otel)
    assert run.code == 0, run.output
    assert run.verdict.problems == ()
    assert run.counted["chat"] == run.served["chat"] == 30
    assert {row.failures for row in run.verdict.operations} == {0}


def test_the_end_does_not_wait_for_a_collector_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_FLUSH_S", 0.1)
    with silent_collector() as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
        before = set(threading.enumerate())
        with open_tracer("a service", load_settings(environ={})) as tracer:
            tracing.Tracing(tracer).begin("chat").end("", 200)
        left = set(threading.enumerate()) - before
        # Who sends, and who waits for it in our place: both still at it.
        assert len(left) == 2
        assert all(thread.daemon for thread in left)
    for thread in left:  # the connection is gone with its listener
        thread.join(60)


# --- what others send


MALFORMED = [
    "",
    "garbage",
    "00",
    "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
    "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
    "ff-" + "1" * 32 + "-" + "1" * 16 + "-01",
    "00-" + "A" * 32 + "-" + "B" * 16 + "-01",
    "00-" + "1" * 31 + "-" + "1" * 16 + "-01",
    "00-" + "1" * 32 + "-" + "1" * 16,
    "00-" + "1" * 32 + "-" + "1" * 16 + "-01-more",
    "00-" + "g" * 32 + "-" + "1" * 16 + "-01",
    "00_" + "1" * 32 + "_" + "1" * 16 + "_01",
    "\xa0\xff\xe9" * 9,
    "1" * 8000,
    '{"trace": null}',
    "%00%ff\t' OR 1=1 --",
]


@pytest.mark.parametrize("header", MALFORMED, ids=lambda header: ascii(header)[:40])
def test_a_header_that_is_none_names_no_trace(header: str) -> None:
    assert trace_id_of(header) == ""


def scrambled(random_source: random.Random) -> str:
    """A header with a few characters changed, left out or put in."""
    text = list(f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01")
    for _ in range(random_source.randint(1, 6)):
        place = random_source.randrange(len(text))
        character = chr(random_source.choice([*range(0x20, 0x7F), *range(0xA0, 0x100)]))
        text[place : place + random_source.randint(0, 2)] = [character] * random_source.randint(0, 2)
    return "".join(text)


def test_whatever_stands_in_the_header_the_portal_answers_and_traces(
    estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = random.Random(17)
    headers = [*MALFORMED, *(scrambled(source) for _ in range(150))]
    with running_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with running_portal(estate.url, tmp_path) as portal:
            house = bearer(estate.houses[0])
            for header in headers:
                answer = portal.ask("GET", "/api/documents", headers=house | {"traceparent": header})
                assert answer.status == 200, header
            records = performance(portal.log_dir)
        servers = collector.of("server")
        assert len(servers) == len(records) == len(headers)
        assert {bool(re.fullmatch("(?!0+$)[0-9a-f]{32}", span.trace_id)) for span in servers} == {True}
        own = [span for span in servers if not span.parent]
        assert len(own) >= len(MALFORMED) - 1  # "00-…-01-more" is one to the library
        kept = {record.get("context", {}).get("trace_id") for record in records} - {None}
        assert kept <= {span.trace_id for span in servers if span.parent}


# --- to whom


ELSEWHERE = "is neither in monitoring.trace_hosts nor in target.allowed_hosts"


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
@pytest.mark.parametrize(
    "command",
    [
        ("loadtest", "run", "chat"),
        ("loadtest", "run", "chat", "--embedded"),
        ("loadtest", "portal", "--port", "0"),
        ("locust", *CHAT, "--headless"),
    ],
    ids=" ".join,
)
def test_spans_are_sent_to_no_host_that_is_not_named(
    stack: Stack, tmp_path: Path, command: tuple[str, ...], variable: str
) -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.settimeout(0)
        elsewhere = {variable: f"http://127.0.0.2:{listener.getsockname()[1]}"}
        ended = warm_python.run(
            [*command],
            env=without_otel() | stack.environ | elsewhere | {"OTEL_EXPORTER_OTLP_HEADERS": "key=hush-hush"},
            cwd=tmp_path,
        )
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert ended.returncode == 2, ended
    assert f"Error: {variable}: host '127.0.0.2' {ELSEWHERE}" in ended.stderr
    assert "Add it to monitoring.trace_hosts" in ended.stderr
    assert "hush" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("variables", "allowed"),
    [
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318/"},
            "http://collector.example:4318/v1/traces",
        ),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://[::1]:1/x"}, "http://[::1]:1/x"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other.example", "OTEL_SDK_DISABLED": "true"}, "nowhere"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other.example", "OTEL_TRACES_EXPORTER": "console"},
            "nowhere",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example.evil"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1].evil:4318"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:hush@localhost"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "unix:///run/collector"}, ""),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://other.example"}, ""),
    ],
)
def test_where_spans_go_is_known_before_anything_is_sent(variables: dict[str, str], allowed: str) -> None:
    settings = load_settings(environ={"LOADTEST_TRACE_HOSTS": "Collector.Example"})
    if allowed:
        assert require_allowed_exporters(settings, variables).endswith(allowed)
        return
    with pytest.raises(LoadTestError, match=r"^Error: OTEL_EXPORTER_OTLP_") as refused:
        require_allowed_exporters(settings, variables, OTHER_ENDPOINTS)
    assert "hush" not in str(refused.value)


def test_a_redirect_and_a_proxy_of_the_environment_lead_spans_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere, redirecting(elsewhere) as url:
        elsewhere.settimeout(0)
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{elsewhere.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        with open_tracer("a service", load_settings(environ={})) as tracer:
            assert tracer is not None
            tracer.start_span("chat").end()
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@contextmanager
def redirecting(elsewhere: socket.socket) -> Iterator[str]:
    """A collector that is asked at least once, and sends each batch on to *elsewhere*."""
    asked = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{elsewhere.getsockname()[1]}/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            asked.set()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
            assert asked.wait(60)
        finally:
            server.shutdown()
            thread.join()

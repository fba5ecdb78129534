"""The portal behind TLS: whom the suite believes, and what it says of a certificate that it does not."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import trustme
from command_process import Commands
from tls_front import issue, server_context, sign_itself, tls_front

from conf.trust import TlsFault, Trust
from monitoring.probing.page import UntrustedError, read_page

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.embedded import Stack

REPORTS = ("verdict.json", "report.html", "summary.md", "junit.xml")
DAY = timedelta(days=1)
YESTERDAY = datetime.now(UTC) - DAY


@pytest.fixture
def commands(stack: Stack, tmp_path: Path) -> Iterator[Commands]:
    directory = tmp_path / "here"
    directory.mkdir()
    commands = Commands(directory, {**stack.environ, "LOADTEST_PROFILE": "smoke"}, [])
    yield commands
    commands.kill_all()


@contextmanager
def https(
    stack: Stack, tls: ssl.SSLContext | Iterator[ssl.SSLContext], host: str = "127.0.0.1"
) -> Iterator[str]:
    """The stack's portal, behind TLS."""
    portal = urlsplit(stack.base_url)
    assert portal.hostname is not None
    assert portal.port is not None
    with tls_front(tls, (portal.hostname, portal.port), host) as port:
        yield f"https://{f'[{host}]' if ':' in host else host}:{port}"


def fault_of(url: str, trust: Trust) -> TlsFault | None:
    """What the health page's reader says; None where it read the page."""
    try:
        status, _ = read_page(f"{url}/api/health", 60, trust=trust)
    except UntrustedError as error:
        return error.fault
    assert status == 200
    return None


def config(directory: Path, **target: object) -> str:
    path = directory / "own.toml"
    path.write_text("[target]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in target.items()))
    return str(path)


@pytest.mark.parametrize(
    ("host", "name"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", "::1")]
)
def test_a_certificate_of_an_authority_that_is_named_is_believed_for_its_names_and_no_others(
    stack: Stack, tmp_path: Path, host: str, name: str
) -> None:
    ca_file, tls = issue(tmp_path, name)
    with https(stack, tls, host) as url:
        assert fault_of(url, Trust(ca_file)) is None
        assert fault_of(url, Trust()) is TlsFault.AUTHORITY
        assert fault_of(url, Trust(verify=False)) is None
    ca_file, tls = issue(tmp_path, "portal.example", "10.0.0.1")
    with https(stack, tls, host) as url:
        assert fault_of(url, Trust(ca_file)) is TlsFault.HOST_NAME


def test_the_authorities_of_a_file_stand_in_place_of_the_systems(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca_file, tls = issue(tmp_path, "127.0.0.1")
    other_file, _ = issue(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    with https(stack, tls) as url:
        assert fault_of(url, Trust(other_file)) is TlsFault.AUTHORITY


def test_a_certificate_that_signed_itself_is_believed_where_it_is_named(stack: Stack, tmp_path: Path) -> None:
    _, tls = sign_itself(tmp_path)
    with https(stack, tls) as url:
        assert fault_of(url, Trust()) is TlsFault.AUTHORITY


def test_a_certificate_has_its_time(stack: Stack, tmp_path: Path) -> None:
    for dates, fault in (
        ({"not_before": YESTERDAY - DAY, "not_after": YESTERDAY}, TlsFault.EXPIRED),
        ({"not_before": YESTERDAY + 2 * DAY, "not_after": YESTERDAY + 3 * DAY}, TlsFault.NOT_YET_VALID),
    ):
        ca_file, tls = issue(tmp_path, "127.0.0.1", **dates)
        with https(stack, tls) as url:
            assert fault_of(url, Trust(ca_file)) is fault


def test_what_does_not_speak_tls_is_told_from_what_is_not_believed(stack: Stack) -> None:
    assert fault_of(stack.base_url.replace("http:", "https:"), Trust()) is TlsFault.PROTOCOL


def test_check_says_what_is_wrong_with_a_certificate_and_what_to_set(
    commands: Commands, stack: Stack, tmp_path: Path
) -> None:
    ca_file, tls = issue(tmp_path, "127.0.0.1")
    with https(stack, tls) as url:
        told = commands.run("loadtest", "check", LOADTEST_TARGET=url)
        assert told.code == 2
        assert (
            f"✗ portal: {url}/api/health: the portal cannot be reached: TLS: the certificate's authority is unknown"
            in told.out
        )
        assert "Set target.ca_file to the PEM file of the authority" in told.out
        own = config(commands.directory, ca_file=str(ca_file))
        believed = commands.run("loadtest", "check", "--config", own, LOADTEST_TARGET=url)
        assert "✓ portal" in believed.out
        assert "✓ JWT" in believed.out
        assert "✓ pool" in believed.out


def test_a_run_behind_tls_is_one_like_any_other(commands: Commands, stack: Stack, tmp_path: Path) -> None:
    ca_file, tls = issue(tmp_path, "127.0.0.1")
    with https(stack, tls) as url:
        own = config(commands.directory, ca_file=str(ca_file), metrics_url=f"{url}/metrics")
        ended = commands.run(
            "loadtest", "run", "chat", "--config", own,
            LOADTEST_TARGET=url, LOADTEST_METRICS_URL="", LOADTEST_TARGET_PID="",
        )  # fmt: skip
    assert ended.code == 0, ended.output
    assert "30 of 30 requests" not in ended.out
    (verdict,) = commands.directory.glob("runs/*/verdict.json")
    assert "portal" in [row["process"] for row in json.loads(verdict.read_text())["memory"]]
    assert "tls_verify" not in ended.out


def test_a_certificate_that_is_not_believed_is_a_failure_of_each_request_in_its_own_words(
    commands: Commands, stack: Stack, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    good, expired = (server_context(authority, not_after=YESTERDAY + days) for days in (2 * DAY, 0 * DAY))
    # The two looks before the run still find a good one.
    with https(stack, chain([good, good], repeat(expired))) as url:
        own = config(commands.directory, ca_file=str(tmp_path / "ca.pem"))
        ended = commands.run("loadtest", "run", "chat", "--config", own, LOADTEST_TARGET=url)
    assert ended.code in {1, 3}, ended.output
    (verdict,) = commands.directory.glob("runs/*/verdict.json")
    assert [
        (group["outcome"], group["message"]) for group in json.loads(verdict.read_text())["failures"]
    ] == [("connection", "TLS: the certificate has expired")]


def test_certificates_that_are_not_looked_at_are_noted_in_every_report(
    commands: Commands, stack: Stack, tmp_path: Path
) -> None:
    _, tls = issue(tmp_path, "portal.example")
    with https(stack, tls) as url:
        own = config(commands.directory, tls_verify=False)
        ended = commands.run("loadtest", "run", "chat", "--config", own, LOADTEST_TARGET=url)
    assert ended.code == 0, ended.output
    (run_dir,) = commands.directory.glob("runs/*")
    note = "target.tls_verify is false: certificates were not looked at"
    for said in (ended.out, *((run_dir / name).read_text() for name in REPORTS)):
        assert note in " ".join(said.split()).replace("\\", "")

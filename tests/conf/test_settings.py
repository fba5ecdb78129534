"""Which hosts load may be sent to, and what an address is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conf.errors import SettingsError
from conf.loading import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from conf.settings import Settings


def load(**values: Any) -> Settings:
    """Settings with some keys given; ``__`` stands for the dot."""
    return load_settings({key.replace("__", "."): value for key, value in values.items()}, environ={})


def refusal(**values: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**values)
    (mistake,) = caught.value.mistakes
    return mistake


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
        ("HTTPS://LocalHost", "https://localhost"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://localhost:5000//", "http://localhost:5000"),
    ],
)
def test_a_target_is_kept_as_scheme_host_and_port(given: str, kept: str) -> None:
    assert load(target__base_url=given).target.base_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:5000",
        "localhost",
        "ftp://127.0.0.1",
        "http://",
        "http://:5000",
        "http://127.0.0.1:port",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://127.0.0.1:5000/path",
        "http://127.0.0.1:5000?query",
        "http://127.0.0.1:5000#fragment",
        "http://127.0.0.1:5000\n",
        "http://[::1",
        "http://127.0.0.1@localhost",
        "http://2130706433:5000",
        "http://127.1:5000",
        "http://[::1].evil:8081",
    ],
)
def test_what_is_no_such_address_is_refused(url: str) -> None:
    assert refusal(target__base_url=url).startswith("command line: target.base_url: ")
    assert refusal(seed__portal_url=url).startswith("command line: seed.portal_url: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.invalid",
        "http://127.0.0.2:5000",
        "http://[::2]:5000",
        "http://localhost.example.org",
        "http://0.0.0.0:5000",
        "http://[::ffff:127.0.0.1]:5000",
    ],
)
def test_a_host_that_is_not_allowed_is_refused_for_load_and_metrics(url: str) -> None:
    assert "is not in target.allowed_hosts ['127.0.0.1', '::1', 'localhost']" in refusal(target__base_url=url)
    assert "is not in target.allowed_hosts" in refusal(target__metrics_url=f"{url}/metrics")


@pytest.mark.parametrize("url", ["file://localhost/etc/passwd", "ftp://127.0.0.1/metrics", "/metrics"])
def test_metrics_are_read_over_http_only(url: str) -> None:
    assert "is not an address like" in refusal(target__metrics_url=url)


def test_a_metrics_page_has_a_path_and_its_host_is_allowed() -> None:
    assert (
        load(target__metrics_url="http://[::1]:9/metrics?x=1").target.metrics_url
        == "http://[::1]:9/metrics?x=1"
    )


def test_allowed_hosts_are_read_in_small_letters_as_host_names_are() -> None:
    settings = load(target__allowed_hosts=["Staging.Example"], target__base_url="https://STAGING.example")
    assert settings.target.allowed_hosts == ("staging.example",)


def test_a_mistake_in_the_allowed_hosts_is_not_reported_as_one_of_the_target_too() -> None:
    assert refusal(target__allowed_hosts="localhost").startswith("command line: target.allowed_hosts: ")


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://portal@127.0.0.1:5432/portal", ["127.0.0.1"]),
        ("postgres://portal:x@[::1]/portal", ["::1"]),
        ("postgresql://portal:a[b@LOCALHOST/portal", ["localhost"]),
        ("postgresql://127.0.0.1:1,localhost:2/portal", ["127.0.0.1", "localhost"]),
        ("host=localhost dbname=portal", ["localhost"]),
        ("postgresql://portal@/portal?host=/run/postgresql", []),
        ("postgresql://%2Frun%2Fpostgresql/portal", []),
    ],
)
def test_databases_on_allowed_hosts_and_sockets_are_accepted(url: str, hosts: list[str]) -> None:
    assert load(database__url=url).database.hosts == hosts


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://portal@example.invalid/portal",
        "postgresql://portal@127.0.0.1,example.invalid/portal",
        "postgresql://portal@/portal?host=example.invalid",
        "postgresql://portal@127.0.0.1/portal?hostaddr=192.0.2.1",
        "postgresql://portal@/portal?host=/run/postgresql,192.0.2.1",
        "postgresql://127.0.0.1?x@example.invalid/portal",
        "host=example.invalid dbname=portal",
        "hostaddr=192.0.2.1 dbname=portal",
    ],
)
def test_databases_elsewhere_are_refused_however_the_address_is_spelt(url: str) -> None:
    assert "is not in target.allowed_hosts" in refusal(database__url=url)


@pytest.mark.parametrize(
    "url", ["postgresql:///portal", "dbname=portal", "postgresql://127.0.0.1/portal?service=production"]
)
def test_a_database_address_that_leaves_the_host_to_the_driver_is_refused(url: str) -> None:
    assert "must name its host" in refusal(database__url=url)


def test_faults_of_more_than_all_requests_are_refused() -> None:
    assert "more than 1" in refusal(portal__faults__error_ratio=0.6, portal__faults__hang_ratio=0.6)


def test_a_model_whose_bounds_cross_is_refused() -> None:
    assert "lies above maximum_s" in refusal(portal__model__minimum_s=9)


def test_certificates_that_are_not_looked_at_want_a_host_beyond_the_loopback_named_again() -> None:
    beyond = {"target__allowed_hosts": ["staging.example", "::1"], "target__tls_verify": False}
    told = refusal(**beyond, target__base_url="https://staging.example")
    assert "tls_verify is false, and host 'staging.example' is not the loopback" in told
    assert "target.tls_unverified_hosts" in told
    assert "is not the loopback" in refusal(
        **beyond, target__base_url="https://[::1]", target__metrics_url="https://staging.example/metrics"
    )
    named = load(
        **beyond,
        target__base_url="https://staging.example",
        target__tls_unverified_hosts=["https://STAGING.example:8443"],
    )
    assert named.target.tls_unverified_hosts == ("staging.example",)
    assert not load(target__tls_verify=False, target__base_url="https://127.0.0.1").target.tls_verify


@pytest.mark.parametrize(
    "content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_of_authorities_must_hold_some(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    assert f"target.ca_file: '{path}' " in refusal(target__ca_file=str(path))
    assert f"target.ca_file: '{tmp_path}' " in refusal(target__ca_file=str(tmp_path))

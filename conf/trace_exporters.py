"""The addresses in OpenTelemetry's own variables, and whether spans may be sent there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.address import parse_page
from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conf.settings import Settings

OTLP, CONSOLE, NONE = "otlp", "console", "none"
TRACES_ENDPOINT, ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
OTHER_ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")
"""Further variables that Locust's ``--otel`` reads."""
_DEFAULT = "http://localhost:4318"


def named_exporters(environ: Mapping[str, str]) -> set[str]:
    """The exporters that the variables name, known or not; none where they name none."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return set()
    named = {name.strip().lower() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",")} - {""}
    if named:
        return named - {NONE}
    return {OTLP} if any(environ.get(variable) for variable in (TRACES_ENDPOINT, ENDPOINT)) else set()


def allowed_endpoint(settings: Settings, environ: Mapping[str, str]) -> str:
    """
    The address to which spans are sent.

    Raises:
        LoadTestError: It is not an address, or its host is not allowed.
    """
    if environ.get(TRACES_ENDPOINT):
        return _allowed(settings, TRACES_ENDPOINT, environ[TRACES_ENDPOINT])
    base = _allowed(settings, ENDPOINT, environ.get(ENDPOINT) or _DEFAULT)
    return f"{base.removesuffix('/')}/v1/traces"


def require_allowed_exporters(
    settings: Settings, environ: Mapping[str, str], others: tuple[str, ...] = ()
) -> str:
    """
    Check that all exporters send to allowed hosts; returns a sentence with the address.

    Args:
        settings: Name the allowed hosts.
        environ: Holds OpenTelemetry's variables.
        others: Further variables with an address.

    Raises:
        LoadTestError: A host is not allowed.
    """
    for variable in others:
        if environ.get(variable):
            _allowed(settings, variable, environ[variable])
    if OTLP not in named_exporters(environ):
        return "spans are sent nowhere"
    return f"spans are sent to {allowed_endpoint(settings, environ)}"


def _allowed(settings: Settings, variable: str, url: str) -> str:
    allowed = [*settings.target.allowed_hosts, *settings.monitoring.trace_hosts]
    try:
        address, path = parse_page(url)
    except ValueError as error:
        raise LoadTestError(f"{variable}: {error}", "Correct it, or unset it.") from None
    if address.host not in allowed:
        raise LoadTestError(
            f"{variable}: host {address.host!r} is neither in monitoring.trace_hosts nor in target.allowed_hosts {allowed}",
            "Add it to monitoring.trace_hosts in a --config file, or unset the variable: nothing was sent.",
        )
    return f"{address}{path}"

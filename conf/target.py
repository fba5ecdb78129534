"""The portal under test: its address, what may be sent there, and the limits of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from conf.address import Address, is_loopback, parse_host, parse_origin, parse_page
from conf.section import LONGEST_WAIT_S, SettingsSection
from conf.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Sequence


class Target(SettingsSection):
    """The portal under test."""

    allowed_hosts: tuple[str, ...] = Field(
        description="Hosts that load may be sent to; all others are refused. An address stands for its host."
    )
    base_url: str = Field(description="Scheme, host and port; no path.")
    contract: str = Field(description="Name of a file in conf/contracts/, or the path of one.")
    connect_timeout_s: float = Field(gt=0, le=LONGEST_WAIT_S)
    request_timeout_s: float = Field(
        gt=0, le=LONGEST_WAIT_S, description="A request without a complete answer by then is a timeout."
    )
    max_users: int = Field(ge=1, description="A run that asks for more users is refused.")
    max_requests_per_second: int = Field(
        ge=1,
        description="Most requests in any second, of all processes together; searches are counted too.",
    )
    metrics_url: str | None = Field(
        default=None, description="Prometheus page of the portal, for its memory."
    )
    pid: int | None = Field(
        default=None, ge=1, description="Process of the portal, where it runs on this host."
    )
    embedded: bool = Field(default=False, description="Portal and database end with the command that runs.")

    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities that sign the portal's certificate."
    )
    tls_verify: bool = Field(default=True, description="false: certificates are not verified.")
    tls_unverified_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts but the loopback must be named here too, where tls_verify is false."
    )

    @field_validator("allowed_hosts", "tls_unverified_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return parse_hosts(hosts)

    @field_validator("base_url")
    @classmethod
    def _is_origin(cls, url: str) -> str:
        return str(parse_origin(url))

    @field_validator("metrics_url")
    @classmethod
    def _is_page(cls, url: str | None) -> str | None:
        return None if url is None else "{}{}".format(*parse_page(url))

    @field_validator("base_url", "metrics_url")
    @classmethod
    def _is_allowed(cls, url: str | None, info: ValidationInfo) -> str | None:
        allowed = info.data.get("allowed_hosts")  # missing where it is a mistake itself
        if allowed is not None and url is not None:
            require_allowed(parse_page(url)[0].host, allowed)
        return url

    @field_validator("ca_file")
    @classmethod
    def _holds_certificates(cls, path: Path | None) -> Path | None:
        if path is not None:
            Trust(path).require_authorities()
        return path

    @model_validator(mode="after")
    def _says_twice_whom_it_believes(self) -> Self:
        for url in (self.base_url, self.metrics_url):
            if url is not None:
                self.admit(parse_page(url)[0])
        return self

    @property
    def trust(self) -> Trust:
        """The certificates that are trusted."""
        return Trust(self.ca_file, self.tls_verify)

    def admit(self, address: Address) -> None:
        """
        Check that requests may be sent to *address*.

        Raises:
            ValueError: It may not.
        """
        require_allowed(address.host, self.allowed_hosts)
        unverified = address.scheme == "https" and not self.tls_verify
        if unverified and not is_loopback(address.host) and address.host not in self.tls_unverified_hosts:
            raise ValueError(
                f"tls_verify is false, and host {address.host!r} is not the loopback: set target.ca_file to its "
                "authority's certificate, or name the host in target.tls_unverified_hosts too"
            )


def parse_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """The host of each entry, which is a host or an address."""
    return tuple(parse_page(host)[0].host if "://" in host else parse_host(host) for host in hosts)


def require_allowed(host: str, allowed: Sequence[str]) -> None:
    """
    Check that requests may be sent to *host*.

    Raises:
        ValueError: It may not.
    """
    if host not in allowed:
        raise ValueError(f"host {host!r} is not in target.allowed_hosts {list(allowed)}")


class Streams(SettingsSection):
    """How long a streamed answer is waited for. Heartbeats are no text: they end no silence."""

    first_content_s: float = Field(gt=0, le=LONGEST_WAIT_S, description="Until its first text.")
    idle_s: float = Field(gt=0, le=LONGEST_WAIT_S, description="From one text to the next.")
    whole_s: float = Field(gt=0, le=LONGEST_WAIT_S, description="Until its end.")


class Answers(SettingsSection):
    """Limits of an answer of the portal. A larger one fails, and is not read to its end."""

    header_bytes: int = Field(
        ge=1_024, description="Bytes of all headers, with those of interim answers and trailers."
    )
    header_lines: int = Field(ge=16, description="Number of headers.")
    body_bytes: int = Field(ge=1, description="Bytes of the body, both as sent and decoded.")
    cookies: int = Field(ge=0, description="Cookies that one user keeps.")
    cookie_bytes: int = Field(ge=1, description="Bytes of one cookie's name, value and path.")

"""Which TLS certificates are trusted, and the reasons against one that is not."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import Enum
from functools import cache
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trust:
    """
    The certificates that a client of the portal trusts.

    Args:
        ca_file: PEM file of the authorities, instead of the system's; None: the system's.
        verify: Whether certificates are verified.
    """

    ca_file: Path | None = None
    verify: bool = True

    def context(self, kind: type[ssl.SSLContext]) -> ssl.SSLContext:
        """
        The TLS context of a client; one for all connections of the process.

        Args:
            kind: Python's ``SSLContext`` or gevent's.
        """
        return _context(kind, self)  # type: ignore[arg-type]  # every class is hashable

    def require_authorities(self) -> None:
        """
        Check that ``ca_file`` holds certificates.

        Raises:
            ValueError: It cannot be read, or holds no certificate.
        """
        assert self.ca_file is not None
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self.ca_file)
        except ssl.SSLError:
            raise ValueError(f"{str(self.ca_file)!r} holds no certificates in PEM form") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a path"
            raise ValueError(f"{str(self.ca_file)!r} cannot be read: {reason}") from None

    @property
    def digest(self) -> str:
        """Equal for clients that trust the same certificates, also where their files have different paths."""
        held = b"" if self.ca_file is None else self.ca_file.read_bytes()
        return sha256(b"%d:%s" % (self.verify, held)).hexdigest()


class TlsFault(Enum):
    """Why there is no connection over TLS: the reason in words, and what to do."""

    EXPIRED = (
        "TLS: the certificate has expired",
        "Renew the portal's certificate, and look at the clocks: date -u",
    )
    NOT_YET_VALID = (
        "TLS: the certificate is not valid yet",
        "Look at the clocks of both machines (date -u), and at the certificate's dates.",
    )
    HOST_NAME = (
        "TLS: the certificate is for another host name",
        "Name the portal as its certificate does: --host URL, target.metrics_url",
    )
    AUTHORITY = (
        "TLS: the certificate's authority is unknown",
        "Set target.ca_file to the PEM file of the authority that signed it; of a self-signed certificate, to that itself.",
    )
    CERTIFICATE = (
        "TLS: the certificate is refused",
        "Look at it: openssl s_client -connect HOST:PORT -showcerts",
    )
    PROTOCOL = (
        "TLS: what answers there does not speak TLS, or no version that is known here",
        "Look at the address: http:// instead of https://, or another port.",
    )
    CLIENT_CERTIFICATE = (
        "TLS: the portal demands a client's certificate",
        "Name an address of the portal that demands none; the suite has none to show.",
    )

    @property
    def words(self) -> str:
        """The reason; the same text for each occurrence of a fault."""
        return self.value[0]

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return self.value[1]


_FAULTS = {
    9: TlsFault.NOT_YET_VALID,
    10: TlsFault.EXPIRED,
    18: TlsFault.AUTHORITY,
    19: TlsFault.AUTHORITY,
    20: TlsFault.AUTHORITY,
    21: TlsFault.AUTHORITY,
    62: TlsFault.HOST_NAME,
    64: TlsFault.HOST_NAME,
}
"""OpenSSL's verify codes (``X509_V_ERR_…``, x509_vfy.h) → fault."""


def tls_fault(error: ssl.SSLError) -> TlsFault | None:
    """The fault behind an error of the ``ssl`` module; None: the peer ended the connection, which is not a fault of TLS."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return _FAULTS.get(error.verify_code, TlsFault.CERTIFICATE)
    reason = error.reason or ""
    if "CERTIFICATE_REQUIRED" in reason or "ALERT_BAD_CERTIFICATE" in reason:
        return TlsFault.CLIENT_CERTIFICATE
    return TlsFault.PROTOCOL


@cache
def _context(kind: type[ssl.SSLContext], trust: Trust) -> ssl.SSLContext:
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.ca_file is not None:
        context.load_verify_locations(trust.ca_file)
    else:
        _load_system_authorities(context)
    return context


def _load_system_authorities(context: ssl.SSLContext) -> None:
    """Load the system's authorities, or those of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``; certifi's where there are none."""
    paths = ssl.get_default_verify_paths()
    directory = Path(paths.capath) if paths.capath else None
    if paths.cafile or (directory is not None and any(directory.iterdir())):
        context.load_default_certs()
        return
    import certifi  # noqa: PLC0415 - for a container without authorities

    context.load_verify_locations(certifi.where())

"""What a failure's message begins with says its cause: written by the load, read by the reports."""

from __future__ import annotations

import re
from enum import StrEnum
from http import HTTPStatus

from conf.operations import Outcome

_STATUS = re.compile(r"HTTP (\d{3})\b")
_SQLSTATE = re.compile(r"SQLSTATE ([0-9A-Z]{5})\b")


class Cause(StrEnum):
    """Why there is no answer; the value stands in ``verdict.json``."""

    NOT_CONNECTED = "not_connected"
    """No connection came about: refused, no such host, not in time."""
    BROKEN_OFF = "broken_off"
    """The connection ended before the answer was complete."""
    NOT_HTTP = "not_http"
    """What came is no answer of HTTP."""
    TLS = "tls"
    """The certificate is refused, or no TLS is spoken."""
    TIMED_OUT = "timed_out"
    """No complete answer in time."""


POOLER_SQLSTATES = ("42P05", "26000")
"""A prepared statement of this name already exists; does not exist: a transaction pooler mixes up connections."""
NO_CONNECTION = "no connection"
"""Before why none came about: how long was waited, or what the operating system or the name server says."""
REFUSED = "refused"
RESET = "reset"
CLOSED_UNANSWERED = "closed without an answer"
CLOSED_HALFWAY = "closed before the end of the answer"
CLOSED_IN_HANDSHAKE = "closed in the TLS handshake"
NOT_HTTP = "the answer is not HTTP/1.1"
TLS = "TLS: "
_BEGINNINGS = {
    REFUSED: Cause.NOT_CONNECTED,
    NO_CONNECTION: Cause.NOT_CONNECTED,
    RESET: Cause.BROKEN_OFF,
    CLOSED_UNANSWERED: Cause.BROKEN_OFF,
    CLOSED_HALFWAY: Cause.BROKEN_OFF,
    NOT_HTTP: Cause.NOT_HTTP,
    TLS: Cause.TLS,
}
"""With what the messages of failures begin that the HTTP client writes."""
_OF_OUTCOMES = {Outcome.TIMEOUT: Cause.TIMED_OUT, Outcome.CONNECTION: Cause.BROKEN_OFF}
"""Of a failure with any other message."""


def status_words(status: int) -> str:
    """The message of an answer whose status the contract does not accept."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def sqlstate_words(sqlstate: str, name: str) -> str:
    """The message of a query that the database refused; *name* is what the driver calls it."""
    return f"SQLSTATE {sqlstate} {name}"


def status_code(status: int) -> str:
    """The code of an HTTP status."""
    return f"http_{status}"


def sqlstate_code(sqlstate: str) -> str:
    """The code of an error that PostgreSQL has a name for."""
    return f"sqlstate_{sqlstate}"


def code_of(outcome: Outcome, message: str) -> str:
    """The code of a failure of the load; empty where the outcome says it all."""
    if match := _STATUS.match(message):
        return status_code(int(match[1]))
    if match := _SQLSTATE.match(message):
        return sqlstate_code(match[1])
    causes = (cause for words, cause in _BEGINNINGS.items() if message.startswith(words))
    return next(causes, _OF_OUTCOMES.get(outcome, ""))

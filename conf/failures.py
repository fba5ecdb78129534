"""The beginnings of failure messages, which name the cause: the load writes them, the reports read them."""

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
    """There was no connection: refused, no such host, not in time."""
    BROKEN_OFF = "broken_off"
    """The connection ended before the answer was complete."""
    NOT_HTTP = "not_http"
    """The answer is not HTTP."""
    TLS = "tls"
    """The certificate is refused, or the server does not speak TLS."""
    TIMED_OUT = "timed_out"
    """No complete answer in time."""


POOLER_SQLSTATES = ("42P05", "26000")
"""A prepared statement exists already, or does not exist: a pooler in transaction mode mixes up connections."""
NO_CONNECTION = "no connection"
"""Beginning of a message; behind it stands the reason: the time waited, or the words of the system or name server."""
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
"""Beginning of a message of the HTTP client → its cause."""
_OF_OUTCOMES = {Outcome.TIMEOUT: Cause.TIMED_OUT, Outcome.CONNECTION: Cause.BROKEN_OFF}
"""Outcome → cause of a failure with any other message."""


_SAY_ENOUGH = {Outcome.TRUNCATED, Outcome.STREAM_ERROR, Outcome.NO_CONTENT, Outcome.IDLE}
"""Ends of a stream, whatever ended its connection."""


def status_words(status: int) -> str:
    """The message for a status that the contract does not accept."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def sqlstate_words(sqlstate: str, name: str) -> str:
    """The message for a query that the database refused; *name* is the driver's name of the error."""
    return f"SQLSTATE {sqlstate} {name}"


def status_code(status: int) -> str:
    """The code of an HTTP status."""
    return f"http_{status}"


def sqlstate_code(sqlstate: str) -> str:
    """The code of an error of PostgreSQL."""
    return f"sqlstate_{sqlstate}"


def code_of(outcome: Outcome, message: str) -> str:
    """The code of a failure of the load; empty where the outcome is enough."""
    if outcome in _SAY_ENOUGH:
        return ""
    if match := _STATUS.match(message):
        return status_code(int(match[1]))
    if match := _SQLSTATE.match(message):
        return sqlstate_code(match[1])
    causes = (cause for words, cause in _BEGINNINGS.items() if message.startswith(words))
    return next(causes, _OF_OUTCOMES.get(outcome, ""))

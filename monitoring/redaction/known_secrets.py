"""Finds the secrets that a process was given by their value, in each way that they may be written."""

from __future__ import annotations

import base64
import json
import re
from html import escape
from os.path import commonprefix
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from conf.errors import LoadTestError
from conf.secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HIDDEN = "[hidden]"
_SECRETS = (
    "SESSION_SECRET",
    "LOADTEST_WEB_PASSWORD",
    "LOADTEST_WORKER_SECRET",
    "PGPASSWORD",
)
_ADDRESS = "DATABASE_URL"
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_SHORTEST = 4
"""Shortest secret that is hidden; a shorter one would be found in many words."""
_UNMISTAKABLE = 12
"""A secret with fewer letters is hidden only where it stands as a separate word."""

_HEAD = 6
"""A secret is searched for by so many of its first letters."""

_known: set[str] = set()
_by_head: dict[str, list[str]] = {}
_heads: re.Pattern[str] | None = None


def remember_secrets(environ: Mapping[str, str]) -> None:
    """Remember the secrets of an environment, and of the files that it names."""
    for variable in _SECRETS:
        remember_secret(_read(variable, environ))
    for secret in _passwords(_read(_ADDRESS, environ)):
        remember_secret(secret)
    for variable in _HEADERS:
        for header in environ.get(variable, "").split(","):
            remember_secret(header.partition("=")[2].strip())


def remember_secret(secret: str) -> None:
    """Remember *secret*."""
    global _heads  # noqa: PLW0603 - as long as the process lives
    if len(secret) < _SHORTEST:
        return
    for form in _forms(secret):
        if len(form) >= _SHORTEST and form not in _known:
            _known.add(form)
            _by_head.setdefault(form[:_HEAD], []).append(form)
    _heads = re.compile("|".join(map(re.escape, sorted(_by_head, key=len, reverse=True))))


def hide_known(text: str) -> str:
    """*text* without the secrets of this process; a secret that was cut off is hidden where its greater part is left."""
    if _heads is None:
        return text
    parts, done, at = [], 0, 0
    while head := _heads.search(text, at):
        start, at = head.start(), head.start() + 1
        if length := max(_hidden_length(text, start, form) for form in _by_head[head[0]]):
            parts += [text[done:start], HIDDEN]
            done = at = start + length
    return "".join([*parts, text[done:]])


def _hidden_length(text: str, start: int, form: str) -> int:
    """How many letters of *text* from *start* on are the beginning of *form*, or all of it; 0 where they are too few."""
    length = len(form)
    if length < _UNMISTAKABLE:
        is_word = re.compile(rf"(?<!\w){re.escape(form)}(?!\w)").match(text, start)
        return length if is_word else 0
    shared = len(commonprefix([text[start : start + length], form]))  # noqa: RUF071 - texts, not paths
    return shared if shared >= max(8, length // 2) else 0


def _forms(secret: str) -> Iterator[str]:
    for value in {secret, unquote(secret)}:
        yield value
        yield quote(value, safe="")
        yield quote(value)
        yield quote_plus(value)
        yield json.dumps(value)[1:-1]
        yield repr(value)[1:-1]
        yield escape(value)
        # Base64 encodes three bytes at a time: a secret has three forms, by the number of bytes before it.
        encoded = value.encode("utf-8", errors="surrogateescape")
        for shift in range(3):
            yield base64.b64encode(b"\0" * shift + encoded).decode()[4 * (shift > 0) :].rstrip("=")[:-1]


def _passwords(url: str) -> Iterator[str]:
    """
    The password of a database's address, and its parts.

    In an unencoded password, a part may be mistaken for the host.
    """
    authority = re.match(r"(?i)postgres(?:ql)?://[^:/@]*:(.*)@", url, re.DOTALL)
    if authority:
        yield authority[1]
        yield from (part for part in re.split("[@:/?#]", authority[1]) if len(part) > _SHORTEST)
    elif match := re.match(r"(?i)postgres(?:ql)?://[^:/@]*:([^/@]*)", url):
        yield match[1] if not match[1].isdecimal() else ""  # a port
    for match in re.finditer(r"""password\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)""", url):
        yield match[1].strip("'")


def _read(variable: str, environ: Mapping[str, str]) -> str:
    try:
        return read_secret(variable, environ)
    except LoadTestError:  # the settings report it; value and file may both be set, and neither may be shown
        return environ.get(variable, "")

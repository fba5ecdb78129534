"""An error and its circumstances as a record: any object, bounded in length, without secrets."""

from __future__ import annotations

import math
import re
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitoring.redaction.redact import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from types import TracebackType

LONGEST_MESSAGE = 2_000
LONGEST_VALUE = 300
MOST_FRAMES = 20
MOST_VALUES = 20
HIDDEN = "[hidden]"

_IDS = ("tenant_id", "development_id", "house_id", "run_id")
_SPELLINGS = {
    "tenantId": "tenant_id",
    "developmentId": "development_id",
    "houseId": "house_id",
    "runId": "run_id",
}
_COMMON = {*_IDS, "status", "step", "outcome", "generator", "left_out"}
"""Keys of the context that become fields of the record; the others stay together under ``context``."""
_WORD = re.compile(r"[A-Za-z_/{}-]{0,60}")
"""Routes, steps, methods: texts without a secret, which need no redaction; that saves most of the work."""
_PLAIN_ID = re.compile(r"[\w.:+-]{1,100}")
_SECRET_KEY = re.compile(
    r"(?i)secret|token(?!s?_?count)|passw|authori[sz]ation|cookie|jwt|api_?key|credential|\bqr|dsn|signature"
)
_INTEGER_BITS = 63


def describe_error(error: object, secrets: Collection[str]) -> dict[str, Any]:
    """The fields ``message``, and, of exceptions, ``exception``, ``cause`` and ``stack``."""
    if not isinstance(error, BaseException):
        return {"message": clean_text(error, secrets, LONGEST_MESSAGE)}
    fields: dict[str, Any] = {
        "message": clean_text(error, secrets, LONGEST_MESSAGE),
        "exception": _type_name(error),
    }
    if error.__cause__ is not None:
        fields["cause"] = _type_name(error.__cause__)
    fields["stack"] = list(_stack(error.__traceback__))
    return fields


def describe_context(context: Mapping[str, object], secrets: Collection[str]) -> dict[str, Any]:
    """Common keys as fields, all others under ``context``; without None, and without what exceeds the bounds."""
    fields: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for given, value in list(context.items())[:MOST_VALUES]:
        key = _SPELLINGS.get(given, given)
        if value is None:
            continue
        if key in _COMMON:
            fields[key] = _clean_id(value, secrets) if key in _IDS else clean_value(key, value, secrets)
        else:
            others[clean_text(key, secrets, LONGEST_VALUE)] = clean_value(key, value, secrets)
    if others:
        fields["context"] = others
    return fields


def clean_value(key: str, value: object, secrets: Collection[str]) -> bool | int | float | str:
    """A value that JSON can hold; numbers stay numbers. It is hidden where its key names a secret."""
    if _is_secret(key):
        return HIDDEN
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() <= _INTEGER_BITS:
        return int(value)
    if type(value) is float and math.isfinite(value):
        return value
    return clean_text(value, secrets, LONGEST_VALUE)


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def clean_text(value: object, secrets: Collection[str], longest: int) -> str:
    """Text of any object. It is redacted before it is shortened: no part of a secret is left at its end."""
    try:
        text = "".join(str(value))  # a str, not a subclass
    except Exception:  # noqa: BLE001 - a __str__ may raise anything
        return f"[a {_type_name(value)} without text]"
    if len(text) > 2 * longest:
        head, _, _ = text[: 2 * longest].rpartition(" ")
        text = f"{head} …"
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    if _WORD.fullmatch(text):
        return text
    text = redact(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _clean_id(value: object, secrets: Collection[str]) -> str:
    """An id as text. Ids of houses are not secret, though they look like QR tokens."""
    text = str(value)
    return (
        text
        if _PLAIN_ID.fullmatch(text) and text not in secrets
        else clean_text(value, secrets, LONGEST_VALUE)
    )


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _stack(trace: TracebackType | None) -> Iterator[str]:
    """``file:line in function``, with the place of the error last; of many frames only the innermost."""
    innermost: deque[TracebackType] = deque(maxlen=MOST_FRAMES)
    while trace is not None:
        innermost.append(trace)
        trace = trace.tb_next
    for frame in innermost:
        code = frame.tb_frame.f_code
        yield f"{_short(code.co_filename)}:{frame.tb_lineno} in {code.co_name}"


@lru_cache(maxsize=1024)
def _short(filename: str) -> str:
    """A file's name with its directory: enough to find it, without the machine's path."""
    return "/".join(Path(filename).parts[-2:])

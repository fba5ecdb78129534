"""JSON of an answer, read strictly by RFC 8259: text that two readers could read differently is refused."""

from __future__ import annotations

import json
import re
from json.scanner import make_scanner
from typing import Any

from conf.operations import Outcome
from swarm.failure import RequestFailed

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_DEEPEST = 500
"""Lists and objects within each other."""
_STRING_OR_OTHER = re.compile(r'"(?:[^"\\]|\\.)*+"|[^][{}"]+', re.DOTALL)


def decode_object(content: bytes) -> dict[str, Any]:
    """
    Read a body that is a JSON object.

    Raises:
        RequestFailed: The content is no such object.
    """
    try:
        text = content.decode()
    except UnicodeError:
        raise _invalid("the body is not UTF-8") from None
    return parse_object(text, "the body")


def parse_object(text: str, what: str) -> dict[str, Any]:
    """
    Read a JSON object.

    Args:
        text: The object.
        what: Begins the sentence about a text that is none.

    Raises:
        RequestFailed: The text is no such object.
    """
    if len(text) > _DEEPEST:
        _require_shallow(text, what)
    try:
        body = _decode(text)
        if "\\u" in text and _SURROGATE.search(text):
            json.dumps(body, ensure_ascii=False).encode()  # fails for half a letter
    except _TwiceError:
        raise _invalid(f"{what} is JSON that names a field twice") from None
    except UnicodeError:
        raise _invalid(f"{what} is not UTF-8") from None
    except ValueError:
        raise _invalid(f"{what} is not JSON") from None
    if not isinstance(body, dict):
        raise _invalid(f"{what} is not a JSON object")
    return body


class _TwiceError(ValueError):
    """An object names a field twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
_scan = make_scanner(_DECODER)  # type: ignore[arg-type]  # it takes a decoder, and not a scanner as its stub says


def _decode(text: str) -> Any:
    """As `json.JSONDecoder.decode`, which looks for white space around the value, and so takes twice as long."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _DECODER.decode(text)
    return value if end == len(text) else _DECODER.decode(text)


def _require_shallow(text: str, what: str) -> None:
    """How deep JSON may be differs from one version of Python to the next; here it does not."""
    if text.count("[") + text.count("{") <= _DEEPEST:
        return
    depth = 0
    for bracket in _STRING_OR_OTHER.sub("", text):
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > _DEEPEST:
            raise _invalid(f"{what} is JSON that is nested too deeply")


def _invalid(message: str) -> RequestFailed:
    return RequestFailed(Outcome.VALIDATION, message)

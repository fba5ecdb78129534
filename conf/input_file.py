"""
Reads a file from outside: it is opened without hanging, read within limits, and parsed or refused with a reason.

Every reader of settings, run directories, baselines and logs uses this module. A file that cannot be opened raises an
OSError with the reason in ``strerror``; content that cannot be parsed raises a ValueError with the reason as its text.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import tomllib
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from conf.refusal_words import refusal_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")

MOST_BYTES = 64_000_000
"""Largest file that is read as a whole."""
MOST_NESTED = 64
"""Deepest nesting of lists and tables."""
_LARGEST = 2**63
_LONGEST_SHOWN = 100
_TOO_DEEP = f"is nested more than {MOST_NESTED} deep"


def open_file(path: Path, buffering: int = -1) -> BinaryIO:
    """
    Open a file for reading. A pipe, a device or a directory is refused: a read of it could wait for ever.

    Raises:
        OSError: It cannot be opened, or is not a regular file; ``strerror`` is the reason.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except ValueError:  # the name has a NUL, or a character that the file system's encoding lacks
        raise OSError(errno.EINVAL, "no file can have such a name") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb", buffering)
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "is not a regular file")


def read_file(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """
    The content of a file.

    Raises:
        OSError: It cannot be read, is not a regular file, or is larger than *most_bytes*.
    """
    with open_file(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"is larger than {most_bytes:,} bytes")
    return content


def whole_lines(file: BinaryIO, longest: int) -> Iterator[tuple[bytes, int]]:
    """
    The whole lines of a file, each with its length in bytes. A line above *longest* is empty, with its true length.

    Text behind the last line end is left out: it is still being written, or was cut off. No more than *longest* bytes of a
    line are held in memory.
    """
    while line := file.readline(longest):
        length = len(line)
        while line and not line.endswith(b"\n"):
            line = file.readline(longest)
            length += len(line)
        if not line:
            return
        yield (line if length == len(line) else b""), length


def parse_text(content: bytes) -> str:
    """
    Read UTF-8, with or without a byte order mark.

    Raises:
        ValueError: It has another encoding; the reason names the line, and does not quote it.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 (line {line})") from None


def parse_json(content: bytes) -> Any:
    """
    Read JSON.

    Raises:
        ValueError: It is not JSON, is nested too deep, or holds a number that is too large for any figure of the suite.
    """
    text = parse_text(content)
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}: line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as error:
        raise ValueError(_number_reason(error)) from None
    _check(document)
    for place, value in _values(document):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{shortened(place)} is a number beyond all that can be written")
    return document


def build_model(kind: type[Model], document: object) -> Model:
    """
    The typed value of a document that `parse_json` has read. A text or a boolean is not accepted as a number.

    Raises:
        ValueError: A value is not allowed; the reason begins with its key, and does not repeat the value.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - who reads a secret, or --help, needs no models

    try:
        return kind.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"{shortened(part)}: " for part in (".".join(map(str, first["loc"])),) if part)
        raise ValueError(f"{place}{refusal_words(first)}") from None


def parse_toml(content: bytes) -> dict[str, Any]:
    """
    Read TOML. Infinities and NaN stay: the settings refuse them by key.

    Raises:
        ValueError: It is not TOML, is nested too deep, or holds a number beyond 64 bits or a NUL.
    """
    text = parse_text(content)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as error:
        raise ValueError(_number_reason(error)) from None
    _check(document)
    for place, value in _values(document):
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"{shortened(place)} holds a NUL character")
    return document


def shortened(text: str) -> str:
    """A text from outside, short enough for a sentence."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _number_reason(error: ValueError) -> str:
    """The reason of a ValueError. For a number of thousands of digits Python's own text is advice on its interpreter."""
    return "holds a number with thousands of digits" if "digits" in str(error) else str(error)


def _check(document: object) -> None:
    for place, value in _values(document):
        if isinstance(value, int) and abs(value) >= _LARGEST:
            raise ValueError(f"{shortened(place)} is a number beyond 64 bits")


def _values(document: object) -> Iterator[tuple[str, object]]:
    """All values of a document, each with its place; without recursion, and no deeper than allowed."""
    waiting: list[tuple[str, object, int]] = [("", document, 0)]
    while waiting:
        place, value, depth = waiting.pop()
        if depth > MOST_NESTED:
            raise ValueError(_TOO_DEEP)
        yield place, value
        inner = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        waiting += [(f"{place}.{key}" if place else str(key), item, depth + 1) for key, item in inner]

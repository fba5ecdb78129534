"""Standard output and error that cannot fail: a closed pipe, full disk or narrow encoding loses text, and no exit code."""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from contextlib import suppress
from typing import Any

_PLAINLY = "loadtest-plainly"
_STREAMS = {1: "stdout", 2: "stderr"}


class _Lossy(io.FileIO):
    """Drops what cannot be written."""

    is_lost = False

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self.is_lost:
            return size
        try:
            written = super().write(data)
        except OSError:
            self.is_lost = True
            return size
        return size if written is None else written  # None: it would block; we do not wait for the reader


def protect_output() -> None:
    r"""
    Make printing never raise: a text arrives or is dropped, also at the interpreter's end.

    Closed descriptors 0 to 2 are opened on the null device: otherwise the next file that is opened would be the standard
    output, and children would write into it. A character that the encoding lacks is written as the nearest one that it
    has, or as ``\u2265``.
    """
    for number in (0, *_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            os.set_inheritable(number, True)  # noqa: FBT003 - takes no names
    for number, name in _STREAMS.items():
        before = getattr(sys, name)
        with suppress(OSError, ValueError, AttributeError):
            before.flush()
        protected = io.TextIOWrapper(
            io.BufferedWriter(_Lossy(number, "w", closefd=False)),
            encoding=before.encoding if before is not None else "utf-8",
            errors=_PLAINLY,
            line_buffering=name == "stderr" or os.isatty(number),
        )
        setattr(sys, name, protected)


def _write_plainly(error: UnicodeError) -> tuple[str, int]:
    """For `codecs.register_error`: for example a space for a no-break space, three dots for an ellipsis."""
    assert isinstance(error, UnicodeEncodeError)
    letter = error.object[error.start]
    nearest = unicodedata.normalize("NFKD", letter).encode("ascii", errors="ignore")
    return (nearest or letter.encode("ascii", errors="backslashreplace")).decode("ascii"), error.start + 1


codecs.register_error(_PLAINLY, _write_plainly)


def output_is_lost() -> bool:
    """Whether standard output can no longer be written, as when the reader of a pipe has ended."""
    return (
        isinstance(raw := getattr(getattr(sys.stdout, "buffer", None), "raw", None), _Lossy) and raw.is_lost
    )

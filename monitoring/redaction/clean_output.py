"""
The last step of everything that a process writes for people: without secrets, and without what steers a terminal.

What a portal, a file's name or a library's exception says comes along in tables, logs and tracebacks. Here it passes last.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from monitoring.redaction.known_secrets import remember_secrets
from monitoring.redaction.texts import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STREAMS = ("stdout", "stderr")
_LINE_ENDS = re.compile(r"\r\n?|\n")


def clean_output(environ: Mapping[str, str] = os.environ) -> None:
    """
    Have all that this process writes to its standard streams, and all of its ``logging``, cleaned; once is enough.

    Tracebacks, warnings, and what a library prints go through the streams. Styles are written by `monitoring.redaction.clean_console.CleanConsole` alone.

    Args:
        environ: Holds the secrets that must not be shown.
    """
    remember_secrets(environ)
    for name in _STREAMS:
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, CleanStream):
            setattr(sys, name, CleanStream(stream))
    if logging.Handler.format is not _format:
        logging.Handler.format = _format  # type: ignore[method-assign]  # the one step that all handlers share


class CleanStream:
    """
    Hands on what is written to it, cleaned.

    Args:
        stream: A text stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream  # by this name rich asks for what it may write styles to

    def write(self, text: str) -> int:
        """Write *text* without secrets; how many letters it had."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.rich_proxied_file.write(_clean_lines(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Likewise."""
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


def print_secret(text: str) -> None:
    """Write a secret that was asked for, and nothing else, to standard output."""
    print(text, file=_stdout())


def print_record(text: str, *, flush: bool = False) -> None:
    """
    Write a line of a log of the suite's own, whose writer has hidden what is secret: the ids of houses stay.

    What steers a terminal is taken away here too, for the file may be another's.
    """
    print(redact(text, keep_ids=True), file=_stdout(), flush=flush)


def _stdout() -> TextIO:
    stream: TextIO = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
    return stream


def _clean_lines(text: str) -> str:
    """Line ends stay what they are: a text stream may be of any convention."""
    return redact(_LINE_ENDS.sub("\n", text)) if text not in {"\n", ""} else text


_format_as_python_does = logging.Handler.format


def _format(self: logging.Handler, record: logging.LogRecord) -> str:
    return redact(_format_as_python_does(self, record))

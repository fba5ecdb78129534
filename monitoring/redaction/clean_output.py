"""
The last step of everything that a process writes for people: it removes secrets, and control characters for a terminal.

Tables, logs and tracebacks contain texts of portals, file names and library exceptions. All of it is cleaned here.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from monitoring.redaction.known_secrets import remember_secrets
from monitoring.redaction.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STREAMS = ("stdout", "stderr")
_LINE_ENDS = re.compile(r"\r\n?|\n")


def clean_output(environ: Mapping[str, str] = os.environ) -> None:
    """
    Clean everything that this process writes to its standard streams and by ``logging``; one call is enough.

    Tracebacks, warnings, and the prints of a library go through the streams. Only
    `monitoring.redaction.clean_console.CleanConsole` writes styles.

    Args:
        environ: Environment with the secrets to hide.
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
    A stream that cleans each text and writes it to another stream.

    Args:
        stream: A text stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream  # rich asks for this name to find the stream for styles

    def write(self, text: str) -> int:
        """Write *text* without secrets; returns its original length."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.rich_proxied_file.write(_clean_lines(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of *lines* without secrets."""
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


def print_secret(text: str) -> None:
    """Write a secret that the user asked for, and nothing else, to standard output."""
    print(text, file=_stdout())


def print_record(text: str, *, flush: bool = False) -> None:
    """
    Write a line of the suite's own log; its writer has already hidden the secrets, so the ids of houses stay.

    Control characters for a terminal are removed here too: another program may have written the file.
    """
    print(redact(text, keep_ids=True), file=_stdout(), flush=flush)


def _stdout() -> TextIO:
    stream: TextIO = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
    return stream


def _clean_lines(text: str) -> str:
    """Clean each line; line ends stay as they are, whatever the stream's convention."""
    return redact(_LINE_ENDS.sub("\n", text)) if text not in {"\n", ""} else text


_format_as_python_does = logging.Handler.format


def _format(self: logging.Handler, record: logging.LogRecord) -> str:
    return redact(_format_as_python_does(self, record))

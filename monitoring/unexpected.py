"""Reports an unexpected exception: one sentence for people, and a file with its traceback."""

from __future__ import annotations

import os
import tempfile
import traceback

from monitoring.redaction.redact import redact

_LONGEST = 300


def describe_unexpected(error: BaseException) -> tuple[str, str]:
    """
    Describe an exception that the suite does not expect, and write its traceback to a file.

    Returns:
        The end of the sentence, ``OverflowError: …``; and the next step, which names the file with the traceback. The file
        is in the directory for temporary files; only its owner can read it, and it holds no secrets.
    """
    return _sentence(error), _next_step(error)


def _sentence(error: BaseException) -> str:
    try:
        text = " ".join(redact(str(error)).split())[:_LONGEST]
    except Exception:  # noqa: BLE001 - whatever its __str__ raises
        text = ""
    return type(error).__name__ + (f": {text}" if text else "")


def _next_step(error: BaseException) -> str:
    try:
        text = redact("".join(traceback.format_exception(error)))
        descriptor, name = tempfile.mkstemp(prefix="loadtest-", suffix=".traceback")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except Exception:  # noqa: BLE001 - no room on the disk or in memory: the sentence is what is left
        return "Its traceback could not be written; make room, and try again."
    return f"This is a fault of the suite. Report it with its traceback: {name}"

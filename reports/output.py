"""Files that are complete or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from conf.errors import LoadTestError


def write_text(path: Path, text: str) -> None:
    r"""
    Write *text* as UTF-8 to a temporary file next to *path*, and move it to *path*.

    A character that UTF-8 cannot hold, as in odd file names, is written as ``\udcff``.

    Raises:
        LoadTestError: The directory or the disk does not take the file; *path* is then unchanged.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        written.chmod(0o644)
        written.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        written.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> LoadTestError:
    return LoadTestError(
        f"{path}: cannot be written: {error.strerror}",
        f"Make room or make it writable, or judge a copy: cp -r {path.parent} /tmp/run && loadtest report /tmp/run",
    )

"""Recognizes the files that this suite wrote: a file of another program is never overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import LoadTestError

if TYPE_CHECKING:
    import re
    from pathlib import Path

_LOOKED_AT_BYTES = 65_536


def is_free(path: Path, mark: re.Pattern[bytes]) -> bool:
    """
    Whether *path* may be written: there is no file, or an empty one, or one that this suite wrote.

    Args:
        path: A device or a pipe, such as ``/dev/stdout``, may be written.
        mark: Found in the first 64 KiB of each such file of the suite, and in no other.

    Raises:
        OSError: The file cannot be read.
    """
    if not path.is_file():
        return True
    with path.open("rb") as file:
        beginning = file.read(_LOOKED_AT_BYTES)
    return not beginning or mark.search(beginning) is not None


def refuse_foreign(path: Path, mark: re.Pattern[bytes], next_step: str) -> None:
    """
    Refuse to overwrite a file that this suite did not write.

    Raises:
        LoadTestError: *path* is such a file, or cannot be read; *next_step* says what to do.
    """
    try:
        free = is_free(path, mark)
    except OSError as error:
        raise LoadTestError(f"{path}: cannot be read: {error.strerror}", next_step) from error
    if not free:
        raise LoadTestError(f"{path}: was not written by this suite, and is not overwritten", next_step)

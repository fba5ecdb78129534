"""Files that grow during a run, on a disk that may become full."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class AppendedFile:
    """
    A new text file. What is written between two flushes reaches the disk whole or not at all: no torn line is left.

    Args:
        path: Must not exist.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self._path = path
        self._pending: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        """Keep *text* until the next flush."""
        self._pending.append(text)
        return len(text)

    def flush(self) -> None:
        """
        Write the kept text to the file.

        Raises:
            OSError: It cannot be written. The error names the file, which is unchanged.
        """
        rest = "".join(self._pending).encode()
        self._pending.clear()
        size = self._size + len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            os.ftruncate(self._file.fileno(), self._size)
            self._file.seek(self._size)
            error.filename = str(self._path)
            raise
        self._size = size

    def close(self) -> None:
        """Flush, and close the file even when that fails."""
        try:
            self.flush()
        finally:
            self._file.close()

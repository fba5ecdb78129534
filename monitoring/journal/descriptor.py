"""The journal's work on an open file: wait for its lock, write a whole line or nothing, cut off a torn line."""

from __future__ import annotations

import errno
import fcntl
import os
import time

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 20e-6, 2e-3
_BLOCK_BYTES = 65_536


def lock_file(fd: int, deadline_s: float) -> None:
    """
    Wait for the file's lock until a deadline: the process that holds it may have been stopped.

    Args:
        fd: Descriptor of the open file.
        deadline_s: On the monotonic clock; one attempt is made in any case.

    Raises:
        TimeoutError: Another process still held the lock.
    """
    pause_s = _SHORTEST_PAUSE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock") from None
        else:
            return
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def write_whole(fd: int, line: bytes, size: int) -> None:
    """
    Write *line* at the end of a locked file of *size* bytes, or nothing.

    Raises:
        OSError: There is no room for all of it, or the file cannot be written.
    """
    if os.write(fd, line) < len(line):
        os.ftruncate(fd, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def cut_torn_line(fd: int, size: int) -> int:
    """Cut off a torn line, left by a killed writer, at the end of a locked file; returns the size without it."""
    if not size or os.pread(fd, 1, size - 1) == b"\n":
        return size
    end = size
    while end:
        start = max(end - _BLOCK_BYTES, 0)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        end = start + newline + 1
        if newline >= 0:
            break
    os.ftruncate(fd, end)
    return end

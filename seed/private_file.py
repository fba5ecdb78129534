"""Files that hold credentials: only their owner can read them, and they are replaced whole."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.own_file import refuse_foreign

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from typing import BinaryIO

_ELSEWHERE = "Name another place in the settings: seed.fixture (or LOADTEST_FIXTURE), seed.qr_dir"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file that replaces *path* when the block ends; when the block fails, *path* stays as it was.

    The file's mode is 0600, whatever the umask; a missing directory is made.

    Raises:
        LoadTestError: The directory cannot be made or written to.
    """
    descriptor, temporary = _open_temporary(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _not_written(path, error) from error
        raise


def refuse_unwritable(path: Path, mark: re.Pattern[bytes]) -> None:
    """
    Check before long work whether its result can be written.

    Args:
        path: Of the result.
        mark: Found in each such file that the suite writes.

    Raises:
        LoadTestError: The directory of *path* cannot be made or written to, or *path* is a file of another program.
    """
    refuse_foreign(path, mark, f"Move it away, or {_ELSEWHERE[0].lower()}{_ELSEWHERE[1:]}")
    descriptor, temporary = _open_temporary(path)
    os.close(descriptor)
    temporary.unlink()


def make_private_directory(path: Path) -> None:
    """
    Make the directory *path* with mode 0700; an existing directory is left as it is.

    Raises:
        LoadTestError: It cannot be made, or it exists and is open to other users.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        others = stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError as error:
        raise _not_written(path, error) from error
    if others:
        raise LoadTestError(f"{path}: the directory is open to other users", f"Close it: chmod 700 {path}")


def _open_temporary(path: Path) -> tuple[int, Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    except OSError as error:
        raise _not_written(path, error) from error
    return descriptor, Path(name)


def _not_written(path: Path, error: OSError) -> LoadTestError:
    return LoadTestError(
        f"{path}: cannot be written: {error.strerror}",
        _ELSEWHERE,
    )

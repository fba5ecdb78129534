"""Real processes that write a journal, and other designs to compare it with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from patience import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def started(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start Python with *code*, which can import the suite and this directory."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(HERE)))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def together(code: str, arguments: Iterable[Iterable[object]]) -> list[str]:
    """Start one process per line of *arguments* and release all at once; returns the output of each, after exit code 0."""
    processes = [started(code, *one) for one in arguments]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, _ = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0
        said.append(out)
    return said


def await_go() -> None:
    """Called in a process: report that it is ready, and wait until all are."""
    print("ready", flush=True)  # noqa: T201 - for the test
    sys.stdin.readline()


def append_as_documented(path: Path, line: str) -> None:
    """The Phase 17 document's ``atomicAppend``: open, append, close; after a failure try once more."""
    try:
        with path.open("a") as file:
            file.write(line)
    except OSError:
        with path.open("a") as file:
            file.write(line)


def rotate_as_documented(path: Path, meanwhile: Callable[[], None]) -> None:
    """
    The Phase 17 document's rotation: write recent lines to a temporary file, and rename it over the log.

    Args:
        path: The log.
        meanwhile: Work of other processes, done after the lines have been read.
    """
    lines = path.read_text().splitlines()
    recent = [line for line in lines if line and json.loads(line)["time"] >= "2000"]
    temporary = path.with_name(f"{path.name}.tmp.{os.urandom(8).hex()}")
    temporary.write_text("\n".join(recent) + "\n")
    meanwhile()
    temporary.rename(path)

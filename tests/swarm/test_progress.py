"""Progress is a courtesy: whatever its reader does, the load goes on."""

from __future__ import annotations

import json
import os
from io import FileIO
from typing import TYPE_CHECKING

import pytest

from swarm.owner.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

PIPE_BYTES = 64 << 10


@pytest.fixture
def pipe() -> Iterator[tuple[FileIO, FileIO]]:
    reading, writing = os.pipe()
    with FileIO(reading, "r") as reader, FileIO(writing, "w") as writer:
        yield reader, writer


def test_a_reader_that_was_stopped_costs_lines_and_neither_time_nor_the_run(
    pipe: tuple[FileIO, FileIO],
) -> None:
    reader, writer = pipe
    progress = Progress(writer.fileno())
    lines = 2 * PIPE_BYTES // len(json.dumps({"number": 0}))
    for number in range(lines):
        progress.write(number=number)
    assert not progress.reader_is_gone
    os.set_blocking(reader.fileno(), False)
    numbers = [json.loads(line)["number"] for line in (reader.readall() or b"").splitlines()]
    assert numbers == list(range(len(numbers))), "no line is torn"
    assert 0 < len(numbers) < lines
    progress.write(number=lines)
    assert json.loads(reader.readall() or b"") == {"number": lines}


def test_a_reader_that_went_away_is_noted(pipe: tuple[FileIO, FileIO]) -> None:
    reader, writer = pipe
    progress = Progress(writer.fileno())
    reader.close()
    progress.write(number=1)
    assert progress.reader_is_gone

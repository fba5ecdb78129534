"""How often other users have their turn while one is at work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from collections.abc import Iterator


class Turns:
    """Counts the turns of another greenlet."""

    def __init__(self) -> None:
        self.count = 0

    def take(self) -> None:
        """Take turns for ever."""
        while True:
            self.count += 1
            gevent.sleep(0)


@contextmanager
def counted_turns() -> Iterator[Turns]:
    """Let another greenlet take turns during the block."""
    turns = Turns()
    taking = gevent.spawn(turns.take)
    try:
        yield turns
    finally:
        taking.kill()

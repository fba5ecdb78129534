"""The setting that ends a wait in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.operations import Destination
from conf.stream_figures import Moment

if TYPE_CHECKING:
    from collections.abc import Collection

    from conf.operations import Operation

_UNTIL_TEXT = frozenset({Moment.HEADERS, Moment.FIRST_EVENT, Moment.FIRST_SOURCE, Moment.FIRST_CONTENT})


def wait_limit(operation: Operation, streamed: Collection[Operation], moment: Moment | None = None) -> str:
    """
    The name of the setting that ends a wait for an answer.

    Args:
        operation: What was asked.
        streamed: The operations whose answers are streamed.
        moment: Of a streamed answer, what is waited for; None: its end.
    """
    if operation.journey.destination is Destination.DATABASE:
        return "database.statement_timeout_s"
    if operation not in streamed:
        return "target.request_timeout_s"
    if moment in _UNTIL_TEXT:
        return "streams.first_content_s"
    return "streams.idle_s" if moment is Moment.LARGEST_GAP else "streams.whole_s"

"""The figures of one streamed answer, from its moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.operations import Outcome
from conf.stream_figures import STALL_S, Moment, Quantity
from swarm.generator.results import StreamFigures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarm.users.streamed_answer import StreamedAnswer

_US = 1e-6
"""A number is recorded as so many microseconds."""
_WAITED_FOR = frozenset(Moment) - {Moment.FIRST_SOURCE, Moment.LARGEST_GAP}
"""What each homeowner waits for: where it did not come, the wait is its lower bound."""
_FAKE_RATIO = 0.9
_FAKE_CONTENTS = 5
"""An answer with fewer texts may come at once."""
_FAKE_PER_READ = 10


def stream_figures(stream: StreamedAnswer, began_s: float, took_s: float, outcome: Outcome) -> StreamFigures:
    """All figures of an answer; the arguments are those of `moments_s`."""
    found, came = moments_s(stream, began_s, took_s, outcome)
    return StreamFigures(
        found,
        came,
        tuple(quantities(stream, found)) if outcome is Outcome.SUCCESS else (),
        tuple((at_s - began_s, length) for at_s, length in stream.contents),
    )


def moments_s(
    stream: StreamedAnswer, began_s: float, took_s: float, outcome: Outcome
) -> tuple[dict[Moment, float], dict[Moment, float]]:
    """
    How long each moment took from sending.

    Args:
        stream: What came of the answer.
        began_s: When it was asked for, by the stream's own clock.
        took_s: How long it took altogether.
        outcome: How it ended.

    Returns:
        Of a success all moments. Of another answer what never came, with the time that it was waited for, and apart from
        that what came.
    """
    seen = {
        Moment.HEADERS: stream.headers_s,
        Moment.FIRST_EVENT: stream.first_event_s,
        Moment.FIRST_SOURCE: stream.first_source_s,
        Moment.FIRST_CONTENT: stream.contents[0][0] if stream.contents else None,
        Moment.LAST_CONTENT: stream.contents[-1][0] if stream.contents else None,
        Moment.DONE: stream.done_s,
    }
    came = {moment: at_s - began_s for moment, at_s in seen.items() if at_s is not None}
    if outcome is Outcome.SUCCESS:
        return came | {Moment.LARGEST_GAP: max(stream.gaps_s, default=0.0)}, {}
    silent_s = 0.0
    if stream.contents and stream.done_s is None:  # then no text is known to be the last
        silent_s = took_s - came.pop(Moment.LAST_CONTENT)
    missed = dict.fromkeys(_WAITED_FOR - came.keys(), took_s)
    if stream.contents:
        gaps = missed if stream.done_s is None else came
        gaps[Moment.LARGEST_GAP] = max(*stream.gaps_s, silent_s, 0.0)
    return missed, came


def quantities(
    stream: StreamedAnswer, found: dict[Moment, float]
) -> Iterator[tuple[Quantity, Sequence[float]]]:
    """The other figures of a successful answer: seconds, and numbers as so many microseconds."""
    gaps_s = stream.gaps_s
    yield Quantity.WAITED, (stream.waited_s,)
    yield Quantity.GAP, gaps_s
    if stalled_s := sum(gap_s - STALL_S for gap_s in gaps_s if gap_s > STALL_S):
        yield Quantity.STALLED, (stalled_s,)
    numbers = {
        Quantity.CONTENTS: len(stream.contents),
        Quantity.CHARACTERS: sum(length for _, length in stream.contents),
        Quantity.WORDS: stream.words,
        Quantity.HEARTBEATS: stream.heartbeats,
        Quantity.TOKENS: stream.tokens or 0,
    }
    yield from ((quantity, (number * _US,)) for quantity, number in numbers.items() if number)
    if is_fake(stream, found):
        yield Quantity.FAKE, (_US,)


def is_fake(stream: StreamedAnswer, found: dict[Moment, float]) -> bool:
    """Whether the text came as a whole or nearly: at the end, or in few reads of many texts each."""
    if len(stream.contents) < _FAKE_CONTENTS:
        return False
    reads = len({at_s for at_s, _ in stream.contents})
    is_late = found[Moment.FIRST_CONTENT] > _FAKE_RATIO * found[Moment.DONE]
    return is_late or reads * _FAKE_PER_READ <= len(stream.contents)

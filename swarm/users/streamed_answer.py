"""One streamed answer: what its events say, and when a homeowner could have read them."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from conf.json_path import find
from conf.operations import Outcome
from conf.stream_figures import READING_WORDS_PER_S
from monitoring.redaction.redact import redact
from swarm.failure import RequestFailed
from swarm.http.event_stream import EventStreamReader
from swarm.users.field_judge import invalid
from swarm.users.json_body import parse_object

if TYPE_CHECKING:
    from conf.json_path import JsonPath
    from conf.stream import Stream
    from swarm.http.event_stream import Event
    from swarm.users.field_judge import FieldJudge

_LONGEST_REASON = 200
_LONGEST_LOOKED_AT = 10_000
"""So many letters of a reason are searched for secrets; the rest is not shown."""
_MOST_TOKENS = 10_000_000
_NUMBER = re.compile(r"[\w-]*\d[\w-]*")
"""A number or an id, such as ``req_8xk2`` or a UUID."""


class StreamedAnswer:
    """
    Takes the bytes of a stream as they come, each with the moment of the read that brought it.

    Args:
        expected: What the contract says about the stream's events.
        judge: Judges fields of the events, and the documents that they list.
    """

    def __init__(self, expected: Stream, judge: FieldJudge) -> None:
        self._expected, self._meanings, self._judge = expected, expected.meanings, judge
        self._reader = EventStreamReader()
        self.headers_s: float | None = None
        """When the answer's headers were there, by the clock of `feed`."""
        self.first_event_s: float | None = None
        """When the first event was there, of whatever kind."""
        self.first_source_s: float | None = None
        """When the first document was named."""
        self.contents: list[tuple[float, int]] = []
        """When each piece of text was there, and of how many characters."""
        self.done_s: float | None = None
        """When the event that ends the answer was there."""
        self.sources: list[Any] = []
        """The documents that the answer rests on, as the portal lists them."""
        self.words = 0
        self.tokens: int | None = None
        """As the portal counts them; None where it does not."""
        self.waited_s = 0.0
        """How long a homeowner who reads from the first text on had to wait for the next, together."""
        self._read_at_s = 0.0
        self._within_word = False

    @property
    def heartbeats(self) -> int:
        """Comments, which keep a connection open and say nothing."""
        return self._reader.comments

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between each piece of text and the one before it."""
        moments = [at_s for at_s, _ in self.contents]
        return [after - before for before, after in pairwise(moments)]

    def feed(self, data: bytes, at_s: float) -> None:
        """
        Take bytes that came at *at_s*, in seconds of a monotonic clock.

        Raises:
            RequestFailed: The portal says that it failed, or what came is not what the contract describes.
        """
        for event in self._reader.feed(data):
            self._take(event, at_s)

    def end(self) -> None:
        """
        The stream is over.

        Raises:
            RequestFailed: It broke off before the event that ends an answer, or it held no text.
        """
        between = self._reader.end()
        if self.done_s is None:
            where = "between two events" if between else "within an event"
            raise RequestFailed(Outcome.TRUNCATED, f"the stream ended {where}, before the answer did")
        if not self.contents:
            raise RequestFailed(Outcome.NO_CONTENT, "the answer ended without a text")
        self._judge.end()

    def _take(self, event: Event, at_s: float) -> None:
        if self.first_event_s is None:
            self.first_event_s = at_s
        if event.data in self._expected.done or self._ends_by_name(event):
            self._finish(at_s)
            return
        body = parse_object(event.data, "an event")
        kind = event.kind if self._expected.kind is None else find(body, self._expected.kind)
        meaning = self._meanings.get(kind) if isinstance(kind, str) else None
        if meaning and meaning.reasons is not None:
            raise _stream_error(body, meaning.reasons)
        self._judge.take(body)
        if meaning is None:
            raise invalid("the stream holds an event of a kind that the contract does not name")
        if meaning.tokens:
            self._count_tokens(find(body, meaning.tokens))
        if meaning.is_last:
            self._finish(at_s)
        if meaning.sources:
            self._take_sources(find(body, meaning.sources), meaning.sources, at_s)
        if meaning.content:
            self._take_text(find(body, meaning.content), meaning.content, at_s)

    def _ends_by_name(self, event: Event) -> bool:
        """Whether the event's own name ends the answer, whatever text it holds; raises where it says that the portal failed."""
        meaning = self._meanings.get(event.kind) if self._expected.kind is None else None
        if meaning is None or event.data.lstrip().startswith("{"):
            return False
        if meaning.reasons is not None:
            raise _stream_error({"": event.data}, ("",))
        return meaning.is_last

    def _count_tokens(self, number: Any) -> None:
        """Take a number of all tokens so far; other values are no number of tokens, and no fault of the answer."""
        if type(number) is int and 0 < number < _MOST_TOKENS:
            self.tokens = number

    def _finish(self, at_s: float) -> None:
        if self.done_s is None:
            self.done_s = at_s

    def _take_sources(self, found: Any, path: JsonPath, at_s: float) -> None:
        if found and not isinstance(found, list):
            raise invalid(f"{path} of an event is not a list")
        if found and self.first_source_s is None:
            self.first_source_s = at_s
        self._judge.take_sources(found)
        self.sources += found or []

    def _take_text(self, text: Any, path: JsonPath, at_s: float) -> None:
        if text is not None and not isinstance(text, str):
            raise invalid(f"{path} of an event is not a text")
        if not text or not (self.contents or text.strip()):
            return
        if self.done_s is not None:
            raise invalid("a text comes after the end of the answer")
        read_at_s = self._read_at_s
        if at_s > read_at_s:
            self.waited_s += at_s - read_at_s if self.contents else 0.0
            read_at_s = at_s
        new = len(text.split())
        if self._within_word and not text[0].isspace():
            new -= 1
        self.contents.append((at_s, len(text)))
        self.words += new
        self._read_at_s = read_at_s + new / READING_WORDS_PER_S
        self._within_word = not text[-1].isspace()


def _stream_error(body: dict[str, Any], paths: tuple[JsonPath, ...]) -> RequestFailed:
    """The portal's own words, which may be of any length; what differs from answer to answer is only in the detail."""
    found = [find(body, path) for path in paths]
    words = [_words(value) for value in found if value is not None and value != ""] or ["without a reason"]
    begin = "the portal ended the stream: "
    return RequestFailed(Outcome.STREAM_ERROR, begin + _NUMBER.sub("…", words[0]), begin + ", ".join(words))


def _words(value: Any) -> str:
    """Without secrets: a part of one, or one without its digits, would later not be known as a secret."""
    said = "".join(filter(str.isprintable, str(value)[:_LONGEST_LOOKED_AT]))
    return redact(said, keep_ids=True)[:_LONGEST_REASON]

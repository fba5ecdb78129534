"""What becomes of a streamed answer while it comes: it is decoded, read, and given up where it falls silent."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Self

import gevent

from conf.endpoint import EVENT_STREAM
from conf.operations import Outcome
from swarm.failure import CountedApart, RequestFailed
from swarm.http.content import PieceDecoder
from swarm.users.field_judge import FieldJudge
from swarm.users.streamed_answer import StreamedAnswer

if TYPE_CHECKING:
    from types import TracebackType

    from conf.answer import Answer
    from conf.target import Answers, Streams
    from seed.fixture import House
    from swarm.http.answer_reader import AnswerReader
    from swarm.http.response import Headers


class FollowedStream:
    """
    A ``with`` block around one exchange; in it, a silence longer than the limits ends the exchange.

    Heartbeats are no text: a portal that sends nothing else is silent.

    Args:
        expected: What the contract says about the streamed answer.
        house: The house that asks.
        patience: How long a silence may be.
        limits: How large the answer may be.
        leaves_after_s: When the homeowner closes the page; None: not before the answer has ended.
    """

    def __init__(
        self,
        expected: Answer,
        house: House,
        patience: Streams,
        limits: Answers,
        *,
        leaves_after_s: float | None = None,
    ) -> None:
        assert expected.stream is not None
        self._judge = FieldJudge(expected, house)
        self.answer = StreamedAnswer(expected.stream, self._judge)
        self.has_begun = False
        """Whether the answer is a stream; a refusal is none."""
        self._statuses, self._patience, self._limits = expected.statuses, patience, limits
        self._decoder: PieceDecoder | None = None
        self._leaves_after_s = leaves_after_s

    def __enter__(self) -> Self:
        self._began_s, self._waiting = perf_counter(), gevent.getcurrent()
        loop = gevent.get_hub().loop
        self._timer = loop.timer(self._patience.first_content_s)
        self._timer.start(self._look)
        self._leaving = None if self._leaves_after_s is None else loop.timer(self._leaves_after_s)
        if self._leaving is not None:
            self._leaving.start(self._waiting.throw, CountedApart(Outcome.ABANDONED))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.close()
        if self._leaving is not None:
            self._leaving.close()

    def __call__(self, reader: AnswerReader, at_s: float) -> None:
        """
        Take what has come with a read at *at_s*; other users run between the parts of much that was compressed.

        Raises:
            RequestFailed: As `StreamedAnswer.feed` does.
        """
        if self._decoder is None:
            if reader.head is None:
                return
            status, headers = reader.head
            self.answer.headers_s = at_s
            self.has_begun = status in self._statuses and _is_stream(headers)
            encodings = headers.get_all("content-encoding") if self.has_begun else []
            self._decoder = PieceDecoder(encodings, self._limits.body_bytes)
        if not self.has_begun:
            return
        for number, part in enumerate(self._decoder.decode(reader.take_body())):
            if number:
                gevent.sleep(0)
            self.answer.feed(part, at_s)

    def end(self) -> None:
        """
        The exchange has ended; an answer that is no stream is judged as any other.

        Raises:
            RequestFailed: The stream was not what it must be.
            CountedApart: It was, and no model gave the answer.
        """
        if self.has_begun:
            self.answer.end()
            if self._judge.is_intercepted:
                raise CountedApart(Outcome.INTERCEPTED)

    def failure(self, failed: RequestFailed) -> RequestFailed:
        """How the answer failed where its exchange did: a connection that ends within the stream cuts it short."""
        if self.has_begun and self.answer.done_s is None and failed.outcome is Outcome.CONNECTION:
            return RequestFailed(Outcome.TRUNCATED, f"{failed.message}, and before the answer's own")
        return failed

    def _look(self) -> None:
        """The longest silence may be over; where a text has come meanwhile, another one has begun."""
        texts = self.answer.contents
        limit_s = self._patience.idle_s if texts else self._patience.first_content_s
        left_s = limit_s - (perf_counter() - (texts[-1][0] if texts else self._began_s))
        self._timer.close()
        if left_s <= 0:
            self._waiting.throw(self._silence(limit_s))
            return
        self._timer = gevent.get_hub().loop.timer(left_s)
        self._timer.start(self._look)

    def _silence(self, limit_s: float) -> RequestFailed:
        if self.answer.done_s is not None:
            what = f"the answer ended, but its body did not within {limit_s:g} s"
            return RequestFailed(Outcome.CONNECTION, what)
        if self.answer.contents:
            return RequestFailed(Outcome.IDLE, f"no text within {limit_s:g} s")
        return RequestFailed(Outcome.TIMEOUT, f"no first text within {limit_s:g} s")


def _is_stream(headers: Headers) -> bool:
    return headers.get("content-type", "").split(";")[0].strip().lower() == EVENT_STREAM

"""A locustfile whose users note of each streamed answer the very figures that the suite records of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from benchmarks.stream_floor import Noted
from conf.operations import Outcome
from conf.stream_figures import Moment
from locustfiles.chat import HomeownerChatUser  # first: it imports locust
from swarm.generator.results import Results

if TYPE_CHECKING:
    from monitoring.measurement import Tag
    from swarm.failure import RequestFailed
    from swarm.generator.results import StreamFigures

__all__ = ["HomeownerChatUser"]

_note = Results.note
_files: dict[int, TextIO] = {}


def note(  # noqa: PLR0913, PLR0917 - as `Results.note`
    self: Results,
    tag: Tag,
    took_s: float,
    failed: RequestFailed | None,
    context: dict[str, Any],
    response: Any,
    *,
    figures: StreamFigures | None = None,
) -> None:
    """Note a success in a file of this process, after the suite has recorded it."""
    _note(self, tag, took_s, failed, context, response, figures=figures)
    if figures is not None and tag.outcome is Outcome.SUCCESS:
        moments = (Moment.FIRST_CONTENT, Moment.LARGEST_GAP, Moment.DONE)
        noted = Noted(context["trace_id"], *(figures.moments_s[moment] for moment in moments))
        if (process := os.getpid()) not in _files:
            notes = Path(os.environ["BENCHMARK_NOTES"]) / f"{process}.jsonl"
            _files[process] = notes.open("a", encoding="utf-8", buffering=1)  # a line at a time
        _files[process].write(noted.line())


Results.note = note

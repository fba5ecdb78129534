"""
Reads server-sent events from bytes as they come; it knows no socket.

As the HTML standard has it ("Server-sent events", section 9.2.6): lines end with LF, CR or CRLF, an event ends with an
empty line, and one that the stream's end cuts short is none.
"""

from __future__ import annotations

from typing import NamedTuple

_BOM = "\ufeff"
_PLAIN = "data: "
"""How nearly all events of nearly all portals begin, in their only line."""


class Event(NamedTuple):
    """One event of a stream."""

    kind: str
    """As its ``event`` field says; ``message`` where it has none."""
    data: str
    """Its ``data`` fields, a line each; never without one of them."""
    last_id: str
    """The ``id`` of this event, or of the last one before it that had one."""


class EventStreamReader:
    """One stream of events, from its first byte to its last."""

    __slots__ = ("_after_cr", "_begun", "_unread", "comments", "last_id", "retry_ms")

    def __init__(self) -> None:
        self._unread = b""
        self._begun = self._after_cr = False
        self.comments = 0
        """Lines that say nothing; portals send them to keep a connection open."""
        self.last_id = ""
        self.retry_ms: int | None = None
        """After how long the portal asks to be asked again; None where it does not say."""

    def feed(self, data: bytes) -> list[Event]:
        """Take what has come, and give the events that are complete with it."""
        if b"\r" in data or self._after_cr:
            data = self._with_line_feeds(data)
        complete, ended, self._unread = (self._unread + data).rpartition(b"\n\n")
        if not ended:
            return []
        text = complete.decode(errors="replace")  # a line end is never a part of a letter, nor of half a one
        if not self._begun:
            self._begun = True
            text = text.removeprefix(_BOM)
        events: list[Event] = []
        for block in text.split("\n\n"):
            if block.startswith(_PLAIN) and "\n" not in block:
                events.append(Event("message", block[len(_PLAIN) :], self.last_id))
            elif block and (event := self._read(block)):
                events.append(event)
        return events

    def end(self) -> bool:
        """The stream has ended; True where that was between two events. Comments after the last one are counted."""
        rest, self._unread = self._unread.removeprefix(b"" if self._begun else _BOM.encode()), b""
        lines = rest.split(b"\n")
        self.comments += sum(line.startswith(b":") for line in lines)
        return all(not line or line.startswith(b":") for line in lines)

    def _with_line_feeds(self, data: bytes) -> bytes:
        """A CR ends its line at once, and an LF that comes behind it, in the next bytes too, ends no other one."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = self._after_cr or data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _read(self, block: str) -> Event | None:
        """None where the lines of a block hold no data: they dispatch no event."""
        kind, data = "", []
        for line in block.split("\n"):
            if line.startswith(":"):
                self.comments += 1
                continue
            name, _, rest = line.partition(":")
            value = rest.removeprefix(" ")
            match name:
                case "data":
                    data.append(value)
                case "event":
                    kind = value
                case "id" if "\0" not in value:
                    self.last_id = value
                case "retry" if value.isascii() and value.isdigit():
                    self.retry_ms = int(value[:18])
        return Event(kind or "message", "\n".join(data), self.last_id) if data else None

"""Rich's console without secrets and without control characters of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from monitoring.redaction.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType


class CleanConsole(Console):
    """Rich's console for texts from outside: they are cleaned before they are wrapped, and never read as markup."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False} | options)

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich does, with the text cleaned."""
        return super().render_str(redact(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does. A text is cleaned as a whole; the output of another renderable is cleaned piece by piece."""
        if isinstance(renderable, Text) and (clean := redact(renderable.plain)) != renderable.plain:
            renderable = renderable.copy()
            renderable.plain = clean
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(redact(segment.text), segment.style)

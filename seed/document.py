"""The documents in ``documents/*.md``: TOML front matter, then sections under ``##`` headings."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "documents"
_FRONT_MATTER = re.compile(r"\A\+\+\+\n(.*?)\n\+\+\+\n", re.DOTALL)
_HEADING = re.compile(r"^## (?P<heading>.+?)(?: \[(?P<scope>each \w+)\])?$", re.MULTILINE)


class Scope(StrEnum):
    """The readers of a section, and so how many copies of it are written."""

    DEVELOPMENT = "development"
    """Once."""
    HOUSE_TYPE = "each type"
    """Once for each house type, with its figures."""
    HOUSE = "each house"
    """Once for each house, with the figures of the house."""


@dataclass(frozen=True, slots=True)
class Section:
    """One heading and the text below it, with ``{placeholders}`` for what differs between developments."""

    heading: str
    text: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Document:
    """One file; *name* is its stem."""

    name: str
    title: str
    document_type: str
    is_important: bool
    sections: tuple[Section, ...]


@cache
def load_documents() -> tuple[Document, ...]:
    """Every document that ships with the suite, by name."""
    return tuple(
        parse_document(path.stem, path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.md"))
    )


def parse_document(name: str, source: str) -> Document:
    """
    Read one document.

    Raises:
        ValueError: No front matter, a key of it is missing or unknown, or no section.
    """
    front = _FRONT_MATTER.match(source)
    if front is None:
        raise ValueError(f"{name}: does not begin with front matter between +++ lines")
    head = tomllib.loads(front[1])
    if head.keys() != {"title", "type", "important"}:
        raise ValueError(f"{name}: the front matter must hold title, type and important")
    body = source[front.end() :]
    headings = list(_HEADING.finditer(body))
    if not headings:
        raise ValueError(f"{name}: has no section")
    ends = [match.start() for match in headings[1:]] + [len(body)]
    sections = tuple(
        Section(match["heading"], body[match.end() : end].strip(), Scope(match["scope"] or Scope.DEVELOPMENT))
        for match, end in zip(headings, ends, strict=True)
    )
    return Document(name, head["title"], head["type"], head["important"], sections)

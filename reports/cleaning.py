"""The last step of a record: secrets, and characters that steer a terminal, are taken out of all its texts."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel

from monitoring.redaction.redact import redact

Record = TypeVar("Record")


def clean_record(record: Record) -> Record:
    """The same record, each of its texts cleaned; JSON, HTML, Markdown, JUnit and terminal are made of the result."""
    cleaned: Record = _clean(record)
    return cleaned


def _clean(value: Any) -> Any:
    if isinstance(value, Enum):  # first, since some enums are texts
        return value
    if isinstance(value, str):
        cleaned: Any = redact(value)
    elif isinstance(value, tuple):
        cleaned = _clean_tuple(value)
    elif isinstance(value, dict):
        cleaned = {_clean(key): _clean(held) for key, held in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        changed = _changed({field.name: getattr(value, field.name) for field in fields(value) if field.init})
        return replace(value, **changed) if changed else value
    elif isinstance(value, BaseModel):
        changed = _changed({name: getattr(value, name) for name in type(value).model_fields})
        return value.model_copy(update=changed) if changed else value
    else:
        return value
    return value if cleaned == value else cleaned


def _clean_tuple(value: tuple[Any, ...]) -> tuple[Any, ...]:
    cleaned = [_clean(held) for held in value]
    return type(value)._make(cleaned) if hasattr(value, "_make") else tuple(cleaned)


def _changed(held: dict[str, Any]) -> dict[str, Any]:
    return {name: new for name, old in held.items() if (new := _clean(old)) is not old}

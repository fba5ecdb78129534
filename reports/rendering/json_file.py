"""``verdict.json``: the record, for machines."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from conf.thresholds import Limits
from reports.manifest import Manifest
from reports.rows import OperationRow
from reports.state import State
from reports.wording.sentences import headline

if TYPE_CHECKING:
    from reports.record import Verdict

FORMAT = 1


def render_json(verdict: Verdict) -> str:
    """
    The whole record as JSON.

    Keys are the record's own names with their units. States are ``PASS``, ``WARN``, ``FAIL`` and ``NO VERDICT``;
    null stands for a criterion that was not judged. The manifest's settings are left out: the limits that were
    applied stand with each finding.
    """
    document = {"format": FORMAT, "state": verdict.state.word, "headline": headline(verdict)}
    return json.dumps(document | _plain(verdict), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """The value in types that JSON can hold."""
    match value:
        case State():
            return value.word
        case Manifest():
            return value.model_dump(mode="json", exclude={"settings"})
        case Limits():
            return value.model_dump(exclude_defaults=True)
        case tuple():
            return [_plain(item) for item in value]
    return _plain_fields(value) if is_dataclass(value) else value


def _plain_fields(record: Any) -> dict[str, Any]:
    plain = {field.name: _plain(getattr(record, field.name)) for field in fields(record)}
    if isinstance(record, OperationRow):
        plain |= {"successes": record.successes, "success_ratio": record.success_ratio}
    return plain

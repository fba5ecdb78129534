"""
``verdict.schema.json``: what ``verdict.json`` looks like, as JSON Schema, made from the record's own types.

``python -m reports.rendering.schema`` writes it anew, into the directory of this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from conf.operations import Journey, Operation, Outcome
from conf.stream_figures import Moment
from conf.thresholds import Limits
from reports.course import Course
from reports.cut_off import CutOff
from reports.finding import Finding
from reports.manifest import Manifest
from reports.problem import Problem
from reports.processes import HealthRow, MemoryRow
from reports.record import Verdict
from reports.rendering.json_file import FORMAT
from reports.rows import MomentRow, OperationRow, ServerStepRow, SplitRow, StepRow, StreamRow
from reports.state import State
from reports.statistics.certainty import Interval
from reports.statistics.distribution import Latency
from reports.statistics.scalability import Scalability

if TYPE_CHECKING:
    from pydantic_core import core_schema

SCHEMA_FILE = Path(__file__).with_name("verdict.schema.json")

_NAMED = (
    Journey,
    Operation,
    Outcome,
    Limits,
    Interval,
    Course,
    CutOff,
    Finding,
    HealthRow,
    Latency,
    Manifest,
    MemoryRow,
    OperationRow,
    Problem,
    Scalability,
    ServerStepRow,
    State,
    StepRow,
    SplitRow,
    StreamRow,
    MomentRow,
    Moment,
)
"""Types that the record's annotations name, but the record imports for type checkers only."""


def build_schema() -> dict[str, Any]:
    """
    The schema of what `render_json` writes, draft 2020-12.

    Every key is required and no other is allowed. Only limits are an exception: those with their default value are
    not written.
    """
    adapter = TypeAdapter(Verdict)
    adapter.rebuild(_types_namespace={named.__name__: named for named in _NAMED})
    schema = adapter.json_schema(mode="serialization", schema_generator=_RenderedSchema)
    schema["title"] = "verdict.json"
    schema["properties"] |= {"format": {"const": FORMAT}, "headline": {"type": "string"}}
    schema["required"] = list(schema["properties"])
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


def render_schema() -> str:
    """The schema as it stands in the file."""
    return json.dumps(build_schema(), indent=2, ensure_ascii=False) + "\n"


class _RenderedSchema(GenerateJsonSchema):
    """The differences between what `render_json` writes and what pydantic would write."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the name says what a title would
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The schema of the value itself, which is written even if it is the default."""
        return self.generate_inner(schema["schema"])

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        words = {"type": "string", "enum": [state.word for state in State]}
        return super().enum_schema(schema) | (words if schema["cls"] is State else {})

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        rendered = super().dataclass_schema(schema)
        if schema["cls"] is OperationRow:
            rendered["properties"] |= {
                name: _returned(getattr(OperationRow, name)) for name in ("successes", "success_ratio")
            }
        return _closed(rendered)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        rendered = super().model_schema(schema)
        properties = rendered["properties"]
        if schema["cls"] is Manifest:
            del properties["settings"]
        if schema["cls"] is not Limits:
            return _closed(rendered)
        rendered["properties"] = {name: _without_null(value) for name, value in properties.items()}
        return _closed(rendered) | {"required": []}


def _closed(rendered: JsonSchemaValue) -> JsonSchemaValue:
    return rendered | {"required": list(rendered["properties"]), "additionalProperties": False}


def _returned(computed: property) -> JsonSchemaValue:
    return TypeAdapter(get_type_hints(computed.fget)["return"]).json_schema(mode="serialization")


def _without_null(rendered: JsonSchemaValue) -> JsonSchemaValue:
    """The schema without null: it is the default of a limit, which is not written."""
    others = [choice for choice in rendered.get("anyOf", ()) if choice != {"type": "null"}]
    return others[0] if len(others) == 1 else rendered


if __name__ == "__main__":
    SCHEMA_FILE.write_text(render_schema(), encoding="utf-8")

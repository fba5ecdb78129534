"""``manifest.json``: written by the owner of a run, and read to judge it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conf.input_file import build_model, parse_json, read_file
from monitoring.redaction.redact import redact
from reports.manifest import Manifest
from reports.problem import Problem, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

_BACKWARDS = "ended_at lies before started_at: the machine's clock was set back, and no rate can be known"
_AGAIN = "Run the journey again; if it happens again, report it."
NEXT_STEPS = {
    ProblemCode.CUT_SHORT: "Run the journey again and let it come to its end; a run that may be stopped at any moment has a run time (-t).",
    ProblemCode.NOT_RECONCILED: f"Results were lost on the way. {_AGAIN}",
    ProblemCode.UNACCOUNTED: f"Results are missing. {_AGAIN}",
    ProblemCode.OTHER: "Judge the run with the version of the suite that made it.",
}
"""What to do about a problem that the owner noted and no advice is about."""
_READ_ON = "The figures below are what could still be read. Run the journey again for a verdict."


def render_manifest(manifest: Manifest, settings: Mapping[str, Any]) -> str:
    """The file's text, with all *settings* of the run; *manifest* has only the part that judging needs."""
    values = manifest.model_dump() | {"settings": settings}
    return json.dumps(values, indent=2, default=_iso) + "\n"


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def load_manifest(path: Path, problems: list[Problem]) -> Manifest | None:
    """
    Read the manifest; None, with a problem noted, where it is missing or cannot be read.

    The problems that the manifest itself lists are noted too.
    """
    try:
        manifest = build_model(Manifest, parse_json(read_file(path)))
    except FileNotFoundError:
        problems.append(
            Problem(ProblemCode.MANIFEST, f"{path.name}: is missing; the run was never finished", _READ_ON)
        )
    except OSError as error:
        problems.append(
            Problem(ProblemCode.MANIFEST, f"{path.name}: cannot be read: {error.strerror}", _READ_ON)
        )
    except ValueError as error:
        problems.append(Problem(ProblemCode.MANIFEST, f"{path.name}: {redact(str(error))}", _READ_ON))
    else:
        problems += noted_problems(manifest)
        if min([manifest.length_s, *(step.length_s for step in manifest.steps)]) < 0:
            problems.append(Problem(ProblemCode.MANIFEST, f"{path.name}: {_BACKWARDS}", _READ_ON))
        return manifest
    return None


def noted_problems(manifest: Manifest) -> list[Problem]:
    """The problems that the owner of the run noted."""
    return [
        Problem(entry.code, redact(entry.message), NEXT_STEPS.get(entry.code, ""), _moment(entry.at))
        for entry in manifest.problems
    ]


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")

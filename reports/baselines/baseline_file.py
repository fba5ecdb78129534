"""``baselines/NAME.json``: a baseline as it is kept."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.input_file import build_model, parse_json, read_file
from conf.layers import CONF_DIR
from conf.own_file import refuse_foreign
from reports.baselines.baseline import Baseline
from reports.output import write_text

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED_DIR = CONF_DIR / "baselines"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FORMAT = 1
_RECORD_ANEW = "Record it anew: loadtest baseline save RUN_DIR NAME"


def parse_name(text: str) -> str:
    """
    Read the name of a baseline.

    Raises:
        LoadTestError: *text* cannot name a baseline.
    """
    if NAME.fullmatch(text) is None:
        raise LoadTestError(
            f"NAME: {text!r} is not a name for a baseline",
            "Allowed are a to z, 0 to 9 and -, at most 64 of them, e.g. chat-main",
        )
    return text


def baseline_path(directory: Path, name: str) -> Path:
    """The file that keeps a baseline."""
    return directory / f"{name}.json"


def write_baseline(baseline: Baseline, directory: Path) -> Path:
    """
    Write *baseline* into *directory*, which is made if it is missing; a baseline of the same name is replaced in one step.

    Raises:
        LoadTestError: The file cannot be written, or a file of that name is no baseline.
    """
    path = baseline_path(directory, baseline.name)
    text = json.dumps(baseline.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoadTestError(f"{directory}: cannot be made: {error.strerror}", _ELSEWHERE) from error
    refuse_foreign(path, _MARK, _ELSEWHERE)
    try:
        write_text(path, f"{text}\n")
    except LoadTestError as error:
        raise LoadTestError(error.message, _ELSEWHERE) from error
    return path


_MARK = re.compile(rb'\A\{\s*"accounts": \[')
_ELSEWHERE = "Make it writable, or write elsewhere: loadtest baseline save … --directory DIR"


def load_baseline(path: Path) -> Baseline:
    """
    Read a baseline.

    Raises:
        LoadTestError: The file is missing, damaged, or of a format that this suite does not know.
    """
    try:
        document = parse_json(read_file(path))
    except OSError as error:
        raise LoadTestError(f"{path}: cannot be read: {error.strerror}", _RECORD_ANEW) from error
    except ValueError as error:
        raise LoadTestError(f"{path}: is not JSON, or cut off: {error}", _RECORD_ANEW) from None
    number = document.get("format") if isinstance(document, dict) else None
    if number is None:
        raise LoadTestError(f"{path}: is not a baseline: it names no format", _RECORD_ANEW)
    if number != _FORMAT:
        raise LoadTestError(
            f"{path}: format: {number!r} is unknown to this suite, which reads {_FORMAT}", _RECORD_ANEW
        )
    try:
        return build_model(Baseline, document)
    except ValueError as error:
        raise LoadTestError(f"{path}: {error}", _RECORD_ANEW) from None

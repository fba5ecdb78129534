"""One CSV file, read with pandas and trusted only where it is whole."""

from __future__ import annotations

import csv
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conf.input_file import open_file
from reports.problem import Problem, ProblemCode
from reports.reading.decoding import decode_text

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_LARGEST = 1e15
_READ_ON = "The figures below are what could still be read. Copy the file again, or run the journey again."


def load_table(
    path: Path,
    columns: Sequence[str],
    problems: list[Problem],
    *,
    aliases: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """
    Read a CSV file as text.

    Damage of the file is noted as a problem; the records that are whole are returned all the same.

    Args:
        path: The file.
        columns: Columns that must be there; there may be others.
        problems: Receives the problems of the file.
        aliases: Other names of columns, in lower case, with ours; only for a file of another project. Another program
            may have saved such a file anew, in another encoding or without its last line break.

    Returns:
        One row per record, all values str. If nothing could be read, there are *columns* and no rows.
    """
    try:
        with open_file(path) as file:
            content = file.read()
    except FileNotFoundError:
        problems.append(_damage(path, "is missing"))
        return _nothing(columns)
    except OSError as error:
        problems.append(_damage(path, f"cannot be read: {error.strerror}"))
        return _nothing(columns)
    if not content:
        problems.append(_damage(path, "is empty"))
        return _nothing(columns)
    foreign = aliases is not None
    try:
        text = decode_text(content) if foreign else content.decode("utf-8")
    except UnicodeDecodeError:
        problems.append(_damage(path, "is not text" if foreign else "is not UTF-8 throughout"))
        text = content.decode("utf-8", errors="replace")
    whole = text[: _end_of_whole_records(text)]
    if whole != text and not (foreign and _ends_whole(text, len(whole))):
        problems.append(_damage(path, "ends in the middle of a line: it was cut off"))
    elif whole != text:
        whole = f"{text}\n"
    return _parse(path, whole, columns, problems, aliases or {})


def load_numbers(
    path: Path, texts: Sequence[str], numbers: Sequence[str], problems: list[Problem]
) -> pd.DataFrame:
    """
    Read a CSV file with finite numbers from 0 up in its columns *numbers*.

    Returns:
        One row per record with such numbers; the other records are noted as one problem.
    """
    if (plain := _plain_numbers(path, texts, numbers)) is not None:
        return plain
    noted = len(problems)
    table = load_table(path, [*texts, *numbers], problems)
    for name in numbers:
        table[name] = pd.to_numeric(table[name], errors="coerce")
    values = table[list(numbers)].to_numpy(dtype=float)
    whole = table[np.all(_are_counted(values), axis=1)]
    if len(whole) < len(table) and len(problems) == noted:
        problems.append(_damage(path, f"{len(table) - len(whole)} lines do not hold numbers"))
    return whole


def _plain_numbers(path: Path, texts: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame | None:
    """A file without anything in doubt, read ten times as quickly; None for any other, which is then read closely."""
    try:
        with open_file(path) as file:
            content = file.read()
        if b'"' in content or not content.endswith(b"\n"):
            return None
        types: dict[Hashable, Any] = dict.fromkeys(texts, "category") | dict.fromkeys(numbers, np.float64)
        table = pd.read_csv(io.BytesIO(content), dtype=types, keep_default_na=False)
        values = table[list(numbers)].to_numpy()
    except (OSError, ValueError, KeyError, OverflowError):
        return None
    is_plain = isinstance(table.index, pd.RangeIndex) and not table.isna().any(axis=None)
    return table if is_plain and np.all(_are_counted(values)) else None


def _are_counted(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values are finite, from 0 up, and no larger than any real time, size or number of files."""
    return (values >= 0) & (values <= _LARGEST)


def _parse(
    path: Path, text: str, columns: Sequence[str], problems: list[Problem], aliases: Mapping[str, str]
) -> pd.DataFrame:
    if not text.strip():
        return _nothing(columns)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", pd.errors.ParserWarning)
            # Only the Python engine distinguishes a missing field from an empty field. "NA" is a text, since a request
            # may well be called so.
            table = pd.read_csv(
                io.StringIO(text),
                engine="python",
                dtype=str,
                keep_default_na=False,
                index_col=False,
                on_bad_lines="warn",
            )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        problems.append(_damage(path, f"is not CSV: {error}"))
        return _nothing(columns)
    # Other warnings may come meanwhile: a socket that was not closed is not damage of the file.
    bad_lines = [warning for warning in caught if issubclass(warning.category, pd.errors.ParserWarning)]
    if bad_lines:
        problems.append(_damage(path, f"has lines with too many fields: {bad_lines[0].message}".strip()))
    if aliases:
        table.columns = pd.Index([aliases.get(name.strip().lower(), name.strip()) for name in table.columns])
    if missing := [column for column in columns if column not in table.columns]:
        problems.append(_damage(path, f"has no column {', '.join(map(repr, missing))}"))
        return _nothing(columns)
    short = table.isna().any(axis="columns")
    if short.any():
        problems.append(_damage(path, f"has {int(short.sum())} lines with too few fields"))
    return table[~short].copy()


def _end_of_whole_records(text: str) -> int:
    """Where the last whole record ends: after a line break outside of quotation marks."""
    end = text.rfind("\n") + 1
    while text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, end - 1) + 1
    return end


def _ends_whole(text: str, last_begins: int) -> bool:
    """Whether the last line, which has no line break at its end, has all of its fields."""
    try:
        last = list(csv.reader([text[last_begins:]]))
        first = next(csv.reader(io.StringIO(text)), [])
    except csv.Error:  # a field beyond the limit
        return False
    return text.count('"', last_begins) % 2 == 0 and len(last) == 1 and len(last[0]) == len(first)


def _nothing(columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({column: pd.Series(dtype=str) for column in columns})


def _damage(path: Path, what: str) -> Problem:
    return Problem(ProblemCode.DAMAGED_FILE, f"{path.name}: {what}", _READ_ON)

"""Reads how the portal spent its time from the ``Server-Timing`` header (https://www.w3.org/TR/server-timing/)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_PARAMETER = r";\s*([^\s=;,\"]+)\s*(?:=\s*(\"(?:[^\"\\]|\\.)*\"|[^\";,]*))?"
_METRIC = re.compile(rf"(?:^|,)\s*([^\s=;,\"]+)\s*((?:{_PARAMETER})*)")
_PARAMETERS = re.compile(_PARAMETER)
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,20})?"
_PLAIN = re.compile(rf"\s*([^\s=;,\"]+);dur=({_NUMBER})\s*")
"""A metric in its usual form."""
_DURATION = re.compile(rf"\"?\s*({_NUMBER})\s*\"?\s*")
_LONGEST = 2000
"""Characters of a header that are read, since it comes from outside."""


def parse_server_timing(header: str, steps: Collection[str], longest_s: float) -> dict[str, float]:
    """
    Step → seconds, for each of *steps* with a duration in the header.

    Durations of a repeated step add up. Malformed metrics are ignored, and so is a missing header: neither makes a
    request fail.

    Args:
        header: The header's value.
        steps: Names of the steps to read.
        longest_s: Longer durations are ignored as well.
    """
    found = _durations(header, steps)
    return {step: took_s for step, took_s in found.items() if took_s <= longest_s}


def _durations(header: str, steps: Collection[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    plain = [_PLAIN.fullmatch(part) for part in header[:_LONGEST].split(",")]
    if all(plain):
        for name, duration_ms in (metric.groups() for metric in plain if metric is not None):
            if name in steps:
                found[name] = found.get(name, 0.0) + float(duration_ms) / 1000
        return found
    for metric in _METRIC.finditer(header[:_LONGEST]):
        name = metric[1]
        if name not in steps:
            continue
        for parameter, value in _PARAMETERS.findall(metric[2]):
            if parameter.lower() == "dur" and (duration := _DURATION.fullmatch(value)):
                found[name] = found.get(name, 0.0) + float(duration[1]) / 1000
    return found

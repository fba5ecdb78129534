"""Answers of real portals, as their bytes came: ``tests/captures/*.jsonl``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal_in_process import Reply, parse_reply

FOLDER = Path(__file__).parents[1] / "captures"
FRAMEWORKS = frozenset(
    {
        "cache-control", "connection", "content-security-policy", "date", "permissions-policy", "referrer-policy",
        "strict-transport-security", "transfer-encoding", "vary", "x-content-type-options", "x-frame-options",
        "x-xss-protection",
    }
)  # fmt: skip
"""Headers of the web framework of those portals, which are on every answer."""


@dataclass(frozen=True)
class Capture:
    """One request, and its answer."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]
    reply: Reply


def capture(name: str) -> Capture:
    """The capture of this name."""
    request, *reads, _ = map(json.loads, (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines())
    method, path = request["request"].split()
    given = {"Content-Length", "Content-Type", "User-Agent", "Connection"}
    return Capture(
        method,
        path,
        json.loads(request["sent"]) if request["sent"] else None,
        {name: value for name, value in request["headers"].items() if name not in given},
        parse_reply("".join(read["latin1"] for read in reads).encode("latin-1"), "whole"),
    )


def own_headers(reply: Reply) -> set[str]:
    """Names of the headers that are the portal's own, and not its framework's."""
    return {name for name, _ in reply.headers} - FRAMEWORKS


def shape(value: Any) -> Any:
    """The fields of a JSON value; of a list those of its first element."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else None

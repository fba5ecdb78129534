"""Texts from outside, made fit for a report: no secrets, no control characters, nothing that differs by request."""

from __future__ import annotations

import re

_SECRETS = (
    (re.compile(r"eyJ[\w-]+(?:\.[\w-]*){1,2}"), "[token]"),
    (re.compile(r"(?i)\bbearer\s+[^\s'\",;]+"), "Bearer [token]"),
    (re.compile(r"(?i)\b(\w*(?:password|passwd|secret|token))=[^\s&'\",;]+"), r"\1=[hidden]"),
    (
        # As a dictionary or JSON shows it: headers, bodies.
        re.compile(
            r"""(?i)(["']\w*(?:password|passwd|secret|token|jwt|authorization|cookie)["']: ?)(["']).*?\2"""
        ),
        r"\1\2[hidden]\2",
    ),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://[hidden]@"),
    # QR tokens are UUIDs; so are the ids of houses, which only split groups that belong together.
    (re.compile(r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "[id]"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def redact(text: str) -> str:
    """Hide tokens, passwords and UUIDs, and make control characters visible as ``?``."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _CONTROL.sub("?", text)

"""
Cleans texts from outside for people: no secrets, and no control characters for a terminal.

The time grows linearly with the length of any text: no pattern is tried twice over the same letters.

Secrets of the process are found by value (`monitoring.redaction.known_secrets`). JWTs, addresses with passwords,
signed tokens, headers and QR tokens, of which a run may have a hundred thousand, are found by their shape.
"""

from __future__ import annotations

import re

from monitoring.redaction.known_secrets import hide_known

_LINE_END = (
    r"""(?:["']?+(?:[\s\x00-\x1f]|\\++(?:x[0-9A-Fa-f]{2}|[nrtfv0])|%0[AaDd9]|%20|&\#1[03];)++["']?+)"""
)
"""A line end within a token: in the clear, escaped, quoted again, or percent-encoded."""
_BASE64 = r"(?:[\w-]|%3[Dd]|=)"
_PIECE = (
    r"""(?=[^\sA-Z0-9_"'\\%&\x00-\x1f-]*+[A-Z0-9_-])"""
    rf"(?![A-Z]?[a-z]++(?![\w-]))(?![A-Z]++(?![\w-])){_BASE64}++"
)
"""Part of a token behind a line end: anything but a plain word, up to the next line end."""
_JWT = re.compile(
    rf"(?<![A-Za-z0-9])(?:eyJ|eyAi|ewo){_BASE64}{{5,}}+"
    rf"(?:{_LINE_END}?+(?:\.|%2[Ee]){_LINE_END}?+{_BASE64}*+|{_LINE_END}{_PIECE})*+"
)

_SIGNED = re.compile(r"(?<!\d)\d{13}(?::|%3[Aa])[\w-]{1,64}+(?::|%3[Aa])[\w-]{32,128}+")
"""The end of a token that a portal signs: its moment in milliseconds, a nonce, the signature."""


def _without_password(address: re.Match[str]) -> str:
    """
    An address with its password hidden: everything before the last @.

    A pattern that searches for the last @ would start again at each address.
    """
    ends = [at.end() for at in re.finditer("@|%40", address[2])]
    return f"{address[1]}[hidden]@{address[2][ends[-1] :]}" if ends else address[0]


_HEADERS = r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key"
_SECRETS = (
    (_JWT, "[token]"),
    (re.compile(r"(?i)\b(bearer|basic)(\s+|%20|\+)(?=[^\s'\",;]{8})[^\s'\",;]+"), r"\1\2[token]"),
    (_SIGNED, "[token]"),
    # Headers: in the clear, in JSON, in a Python tuple.
    (
        re.compile(
            rf"""(?i)(?:(?<![\w.-])|(?<=\\[nr]))({_HEADERS})(["']?\s*[:=]\s*(?:b?["'])?|["']\s*,\s*b?["'])[^"'\n\\]+"""
        ),
        r"\1\2[hidden]",
    ),
    # A PostgreSQL address: an unencoded @ or / in the password may be anywhere before the last @.
    (re.compile(r"(?i)\b(postgres(?:ql)?(?:\+\w+)?(?:://|%3A%2F%2F))([^\s'\"<>]*+)"), _without_password),
    (re.compile(r"://[^/\s'\"@:]*+:[^\s'\"/]*@"), "://[hidden]@"),
    (
        re.compile(
            r"""(?i)\b(\w*(?:password|passwd|passphrase|secret|token)\s?=\s?)(?!…|\$\(openssl\ rand\ )"""  # … is a placeholder in advice, $(…) makes a new one
            r"""('(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|[^\s&'",;]+)"""
        ),
        r"\1[hidden]",
    ),
    # In a dictionary or JSON; a text that was cut off has no second quotation mark.
    (
        re.compile(
            r"""(?i)(["']\w*(?:password|passwd|secret|token|jwt)["']\s?: ?b?)(["'])(?:\\.|(?!\2)[^\\\n])*+\\?\2?"""
        ),
        r"\1\2[hidden]\2",
    ),
)
_UUID = re.compile(r"(?i)(?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])")
"""QR tokens are UUIDs. Ids of houses are too: they are hidden because they would split groups of equal errors."""
_CONTROL = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line end, delete, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the direction of the text
    "\u2028\u2029"  # rare line ends
    "\ud800-\udfff\ufeff\ufffe\uffff"  # surrogates, byte order marks, non-characters
    "]"
)


def redact(text: str, *, keep_ids: bool = False) -> str:
    """Hide tokens, passwords and UUIDs, unless *keep_ids*, and make control characters visible as ``?``."""
    text = hide_known(text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    if not keep_ids:
        text = _UUID.sub("[id]", text)
    return _CONTROL.sub("?", text)

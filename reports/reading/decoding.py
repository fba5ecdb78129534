"""The text of a file that another program may have saved: UTF-8, UTF-16, or a Windows code page."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 comes before UTF-16, since a byte order mark of UTF-32 begins with one of UTF-16."""
_LOOKED_AT_BYTES = 4096


def decode_text(content: bytes, *, cut: bool = False) -> str:
    """
    The text of a CSV file, its line breaks as they are; lone carriage returns become line breaks.

    Text that is neither UTF-8 nor UTF-16 is read as Windows-1252. Numbers are the same in every code page; in a name,
    a letter beyond ASCII may become another letter.

    Args:
        content: The bytes of the file.
        cut: Whether *content* is only the beginning of the file, which may end within a letter.

    Raises:
        UnicodeDecodeError: *content* is no text.
    """
    text = content.decode(_encoding(content), "ignore" if cut else "strict")
    if "\0" in text:
        raise UnicodeDecodeError("utf-8", content, 0, 1, "holds null bytes")
    return text if "\n" in text else text.replace("\r", "\n")


def _encoding(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    # The header of a CSV file is ASCII: in UTF-16 each second byte of it is zero.
    head = content[:_LOOKED_AT_BYTES]
    if head[1::2].count(0) > len(head) // 3:
        return "utf-16-le"
    if head[0::2].count(0) > len(head) // 3:
        return "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        try:
            content.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1"
        return "cp1252"
    return "utf-8"

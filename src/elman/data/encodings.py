"""Encodings: which one a text is in, told by its beginning.

A byte order mark says it; else it is UTF-8 or, where the bytes are clearly that and not damaged UTF-8, GB18030. Zero
bytes are in no text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from elman.errors import DataError

Notify = Callable[[str], None]

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_GB_COMMON = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")  # the two-byte area of GB2312, where running Chinese text lives
_GB_ANY = re.compile(rb"[\x81-\xfe][\x30-\x39\x40-\xfe]")


def detect(sample: bytes, name: str, notify: Notify) -> str:
    """Return the encoding of a text that begins with `sample`."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        raise DataError(
            "is not text (it holds zero bytes)",
            hint="expected UTF-8 text; .gz is read, other archives are not",
            where=name,
        )
    if _decodes(sample, "utf-8") or not _looks_like_gb18030(sample):
        return "utf-8"
    notify(f"{name}: read as GB18030, for it is not UTF-8 (--encoding names another)")
    return "gb18030"


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _looks_like_gb18030(sample: bytes) -> bool:
    """Whether the bytes decode, most double bytes lie where running Chinese does, and they are not damaged UTF-8."""
    if not _decodes(sample, "gb18030"):
        return False
    utf8 = sample.decode("utf-8", "replace")
    good = sum(character > "\x7f" for character in utf8) - utf8.count("\ufffd")
    if good > 2 * utf8.count("\ufffd"):
        return False
    pairs = _GB_ANY.findall(sample)
    common = sum(bool(_GB_COMMON.match(pair)) for pair in pairs)
    return bool(pairs) and common >= 0.7 * len(pairs)


def is_byte_wise(encoding: str) -> bool:
    """Whether a line end is the one byte that it is in ASCII, and is never part of another character."""
    return "a\n".encode(encoding) == b"a\n" and "a\u4e0a\n".encode(encoding, "replace").count(b"\n") == 1

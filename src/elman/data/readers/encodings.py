"""Detection of a text's encoding from its beginning.

A byte order mark decides. Without one, the text is GB18030 if the bytes are clearly GB18030 and not damaged UTF-8, and
UTF-8 otherwise. A file with zero bytes is not text.
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
_GB2312_PAIR = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")  # most characters of running Chinese text are in GB2312
_GB18030_PAIR = re.compile(rb"[\x81-\xfe][\x30-\x39\x40-\xfe]")
_MIN_GB2312_SHARE = 0.7


def detect_encoding(sample: bytes, name: str, notify: Notify) -> str:
    """Return the encoding of a text that begins with `sample`; notify the user if it is GB18030."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        hint = "Decompress the file if it is an archive; only .gz files are read directly"
        raise DataError("the file contains zero bytes, so it is not text; expected UTF-8 text", hint=hint, where=name)
    if _can_decode(sample, "utf-8") or not _looks_like_gb18030(sample):
        return "utf-8"
    notify(f"{name}: not UTF-8; reading it as GB18030. Use --encoding for another encoding.")
    return "gb18030"


def has_single_byte_newlines(encoding: str) -> bool:
    """Return whether a line end is the byte 0x0A and this byte is never a part of another character."""
    return "a\n".encode(encoding) == b"a\n" and "a\u4e0a\n".encode(encoding, "replace").count(b"\n") == 1


def _can_decode(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _looks_like_gb18030(sample: bytes) -> bool:
    """Return whether the bytes are valid GB18030, mostly of characters of GB2312, and not UTF-8 with some damage."""
    if not _can_decode(sample, "gb18030"):
        return False
    utf8 = sample.decode("utf-8", "replace")
    num_bad = utf8.count("\ufffd")
    num_good = sum(character > "\x7f" for character in utf8) - num_bad
    if num_good > 2 * num_bad:
        return False
    pairs = _GB18030_PAIR.findall(sample)
    num_common = sum(bool(_GB2312_PAIR.match(pair)) for pair in pairs)
    return bool(pairs) and num_common >= _MIN_GB2312_SHARE * len(pairs)

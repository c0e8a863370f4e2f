"""Detection of a text's encoding from its beginning.

1. A byte order mark decides.
2. Bytes that are valid UTF-8 are UTF-8, unless they contain zero bytes.
3. Zero bytes: UTF-16 without a byte order mark if the bytes are text in it, otherwise no text at all.
4. GB18030 if the bytes are valid GB18030, mostly of characters of GB2312, not UTF-8 with some damage, and no text
   in another encoding of East Asia (legacy_encodings.py).
5. Everything else is read as UTF-8. The first invalid byte is an error, whose hint names an encoding that fits.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable

from elman.errors import DataError

from .legacy_encodings import decode_sample, east_asian_encoding, fitting_encoding

Notify = Callable[[str], None]

ZERO_BYTE_HINT = (
    "If the file is UTF-16, name --encoding utf-16-le or utf-16-be; "
    "if it is an archive, decompress it (only .gz files are read directly)"
)
ENCODING_HINT = "Name the encoding of the file with --encoding"
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WIDE_ENCODINGS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_GB2312_PAIR = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")  # most characters of running Chinese text are in GB2312
_GB18030_PAIR = re.compile(rb"[\x81-\xfe][\x30-\x39\x40-\xfe]")
_MIN_GB2312_SHARE = 0.7
_LONG_SEQUENCE = re.compile("[\u0800-\ud7ff\ue000-\ufffc\U00010000-\U0010ffff]")  # three or four bytes in UTF-8
_SAMPLE_BYTES = 1 << 16  # enough to tell wide encodings and languages


def detect_encoding(sample: bytes, name: str, notify: Notify) -> str:
    """Return the encoding of a text that begins with `sample`; notify the user unless it is UTF-8 or has a mark.

    Zero bytes in a text that is not UTF-16 or UTF-32 are a DataError.
    """
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        wide = wide_encoding(sample)
        if wide is None:
            before = sample[: sample.index(b"\0")]
            raise zero_byte_error(name, before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        kind = wide.upper()
        notify(f"{name}: no byte order mark; reading it as {kind}. Use --encoding for another encoding.")
        return wide
    if can_decode(sample, "utf-8") or not looks_like_gb18030(sample):
        return "utf-8"
    notify(f"{name}: not UTF-8; reading it as GB18030. Use --encoding for another encoding.")
    return "gb18030"


def has_byte_order_mark(sample: bytes) -> bool:
    """Return whether a text that begins with `sample` begins with the mark of an encoding of Unicode."""
    return sample.startswith(tuple(_BYTE_ORDER_MARKS))


def zero_byte_error(name: str, line: int, position: int) -> DataError:
    """Return the error for a zero byte, which no text contains."""
    problem = f"a zero byte at position {position} of the line, so this is not text; expected text"
    return DataError(problem, hint=ZERO_BYTE_HINT, where=f"{name}:{line}")


def require_mark(encoding: str, sample: bytes, name: str) -> None:
    """Raise a DataError if the encoding is UTF-16 or UTF-32 and the text does not begin with a byte order mark."""
    codec = codecs.lookup(encoding).name
    marks = [mark for mark, marked in _BYTE_ORDER_MARKS.items() if marked == codec and codec != "utf-8-sig"]
    if not marks or not sample or sample.startswith(tuple(marks)):
        return
    fitting = wide_encoding(sample)
    choice = fitting if fitting is not None and fitting.startswith(codec) else f"{codec}-le or {codec}-be"
    problem = f"no byte order mark at the beginning; expected one in {codec.upper()}"
    raise DataError(problem, hint=f"Use --encoding {choice}", where=name)


def wide_encoding(sample: bytes) -> str | None:
    """Return the UTF-16 or UTF-32 without a mark in which the bytes are text; None if there is none."""
    return next((encoding for encoding in _WIDE_ENCODINGS if _is_text(sample[:_SAMPLE_BYTES], encoding)), None)


def has_single_byte_newlines(encoding: str) -> bool:
    """Return whether a line end is the byte 0x0A and this byte is never a part of another character."""
    return "a\n".encode(encoding) == b"a\n" and "a\u4e0a\n".encode(encoding, "replace").count(b"\n") == 1


def can_decode(sample: bytes, encoding: str) -> bool:
    """Return whether the bytes are valid; the last character may be incomplete."""
    return decode_sample(sample, encoding) is not None


def is_damaged_utf8(sample: bytes) -> bool:
    """Return whether bytes that are not valid UTF-8 are UTF-8 with some damage, and no other encoding."""
    utf8 = sample.decode("utf-8", "replace")
    num_bad = utf8.count("\ufffd")
    num_good = sum(character > "\x7f" for character in utf8) - num_bad
    # A sequence of three or four bytes that is valid by chance is rare.
    return num_good > 2 * num_bad or len(_LONG_SEQUENCE.findall(utf8)) >= num_bad


def looks_like_gb18030(sample: bytes) -> bool:
    """Return whether the bytes are valid GB18030, mostly of characters of GB2312, and fit no other encoding better."""
    if not can_decode(sample, "gb18030") or is_damaged_utf8(sample):
        return False
    pairs = _GB18030_PAIR.findall(sample)
    num_common = sum(bool(_GB2312_PAIR.match(pair)) for pair in pairs)
    if not pairs or num_common < _MIN_GB2312_SHARE * len(pairs):
        return False
    return east_asian_encoding(sample[:_SAMPLE_BYTES]) in (None, "gb18030")


def encoding_hint(content: bytes) -> str:
    """Return how to read bytes that are not UTF-8: with an encoding that fits, if there is one."""
    if is_damaged_utf8(content):
        return "The other lines are UTF-8: repair this line, or remove it"
    encoding = fitting_encoding(content)
    return ENCODING_HINT if encoding is None else f"Try --encoding {encoding}"


def _is_text(sample: bytes, encoding: str) -> bool:
    """Return whether the bytes are text in a wide encoding: no zero, no control or unassigned character."""
    text = decode_sample(sample, encoding)
    if not text:
        return False
    categories = [unicodedata.category(character) for character in text if character not in "\t\n\r\f\v"]
    is_plain = not any(category in ("Cc", "Cn", "Co", "Cs") for category in categories)
    return is_plain and any(character in "\n\r \t" for character in text)

"""Line ends: LF, CRLF, or CR alone in files of old Macs.

The first line end of a text decides. In a text whose lines end with LF or CRLF, a lone CR is a character of its line,
as `wc -l` and every other program count lines; otherwise lines of two parallel files would no longer correspond. In a
text that begins with lone CRs, each CR ends a line.
"""

from __future__ import annotations

from collections.abc import Iterator


class LineEndTranslator:
    """Translates the line ends of a text to LF, block by block."""

    def __init__(self) -> None:
        self._carried = ""  # a CR at the end of a block: LF may follow in the next one
        self._cr_ends_lines: bool | None = None  # unknown before the first line end

    def translate(self, text: str, *, is_last: bool) -> str:
        """Return the next block of the text with LF at the end of each line."""
        text = self._carried + text
        self._carried = ""
        if text.endswith("\r") and not is_last:
            text, self._carried = text[:-1], "\r"
        if "\r" not in text:
            if "\n" in text and self._cr_ends_lines is None:
                self._cr_ends_lines = False
            return text
        if self._cr_ends_lines is None:
            self._cr_ends_lines = "\n" not in text
        text = text.replace("\r\n", "\n")
        return text.replace("\r", "\n") if self._cr_ends_lines else text


def split_byte_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of a text in a single-byte or multi-byte encoding without their ends."""
    cr_ends_lines: bool | None = None  # unknown before the first line end
    rest = b""
    for block in blocks:
        rest += block
        if cr_ends_lines is None and (b"\n" in rest or b"\r" in rest[:-1]):  # after a CR at the end, LF may follow
            cr_ends_lines = b"\n" not in rest
        if cr_ends_lines is None:
            continue
        if cr_ends_lines:
            *lines, rest = _split_all_ends(rest)
            yield from lines
        else:
            *lines, rest = rest.split(b"\n")
            yield from (line.removesuffix(b"\r") for line in lines)
    if not rest:
        return
    if cr_ends_lines is False:
        yield rest
    else:
        yield from rest.removesuffix(b"\r").split(b"\r")


def _split_all_ends(content: bytes) -> list[bytes]:
    """Return the lines, which end with LF, CRLF or CR, and the beginning of the next one."""
    carried = b"\r" if content.endswith(b"\r") else b""  # LF may follow
    content = content.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, last = content.split(b"\n")
    return [*lines, last + carried]

"""Columns and lines of a terminal: a Chinese character is two columns wide, and a line may end after any of them."""

from __future__ import annotations

import re
import unicodedata

_CLOSING = "，。、；：！？）》」』”’…%)\\]"  # a line does not begin with one of these
_OPENING = "（《「『“‘(\\["  # a line does not end with one of these
_WIDE = r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff“”‘’…]"
_UNIT = re.compile(rf"[{_OPENING}]*(?:{_WIDE}|[^\s\u2e80-\u9fff\uff00-\uff60“”‘’…]+)[{_CLOSING}]*| +")


def display_width(text: str) -> int:
    """Return the columns that a text takes on a terminal; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return a text filled with spaces to a number of columns, at its end or, for text on the right, before it."""
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of a text, each at most `width` columns wide unless one word is wider."""
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for unit in _UNIT.findall(paragraph):
            if line and display_width(line + unit.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += unit if line else unit.lstrip()
        lines.append(line.rstrip())
    return lines

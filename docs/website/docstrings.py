"""Docstrings as Markdown and as reStructuredText.

elman's docstrings are plain text: paragraphs, lists that begin with `-`, names in backticks, and indented lines that
hold equations, code or tables. An asterisk or an underscore in them is not markup.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable

FENCE = "```"
CODE = re.compile(r"(`[^`]+`)")
MARKDOWN = re.compile(r"([\\*_\[\]<>$|#])")
RESTRUCTURED = re.compile(r"([\\*|`]|_(?!\w)|(?<=\w):(?=\w))")  # file:line would be a link
ITEM = re.compile(r"(?:[-*·]|\d+\.) ")


def as_markdown(docstring: str) -> str:
    """Return a docstring as Markdown; indented lines become blocks of text."""

    def block(lines: list[str]) -> Iterable[str]:
        return [f"{FENCE}text", *lines, FENCE]

    return "\n".join(_convert(docstring, lambda line: _escape(line, MARKDOWN, "`"), block)) + "\n"


def as_restructured_text(docstring: str) -> list[str]:
    """Return the lines of a docstring as reStructuredText; indented lines become literal blocks."""

    def block(lines: list[str]) -> Iterable[str]:
        return [".. code-block:: text", "", *(f"   {line}".rstrip() for line in lines)]

    return _convert(docstring, lambda line: _escape(line, RESTRUCTURED, "``"), block)


def _convert(docstring: str, escape: Callable[[str], str], block: Callable[[list[str]], Iterable[str]]) -> list[str]:
    converted: list[str] = []
    for paragraph in _paragraphs(inspect.cleandoc(docstring).splitlines()):
        if converted:
            converted.append("")
        if paragraph[0].startswith(" "):
            converted += block(inspect.cleandoc("\n" + "\n".join(paragraph)).splitlines())
            continue
        for line in paragraph:
            if ITEM.match(line) and converted and converted[-1]:
                converted.append("")
            converted.append(line[:2] + escape(line[2:]) if line.startswith("- ") else escape(line))
    return converted


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Return the paragraphs and the indented blocks. An indented line goes on the list item above it."""
    paragraphs: list[list[str]] = []
    is_new = True
    for line in lines:
        if not line.strip():
            is_new = True
            continue
        indented = line.startswith(" ")
        if paragraphs:
            last = paragraphs[-1]
            goes_on_a_block = is_new and indented and last[0].startswith(" ")
            continues_item = not is_new and indented and not last[0].startswith(" ") and ITEM.match(last[-1].lstrip())
            if goes_on_a_block:
                last += ["", line]
                is_new = False
                continue
            is_new = is_new or (indented != last[0].startswith(" ") and not continues_item)
            if continues_item:
                last[-1] += " " + line.strip()
                continue
        if is_new or not paragraphs:
            paragraphs.append([line])
        else:
            paragraphs[-1].append(line)
        is_new = False
    return paragraphs


def _escape(line: str, special: re.Pattern[str], quote: str) -> str:
    """Escape what would be markup, outside of backticks."""
    parts = CODE.split(line)
    return "".join(
        f"{quote}{part[1:-1]}{quote}" if CODE.fullmatch(part) else special.sub(r"\\\1", part) for part in parts
    )

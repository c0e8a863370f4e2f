"""Help pages in Chinese: the formatter of the parser, with each text translated and broken between Chinese characters.

Most texts are in help.toml. The help of an option that a config declares is Chinese already (options.py). The parser
adds what it knows of an option, such as `[default: 0.8; required]`, in brackets at the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer

from elman.translations import display_width, pad, translate, wrap

COLUMN_SPACING = 2
_Formatter: Any = typer.Context.formatter_class  # whose module is not public
_ADDITION = re.compile(r"(.*?)(?:^|  )\[([^\[\]]+)\]", re.DOTALL)


def translate_help(text: str) -> str:
    """Return a text of a help page in Chinese; the additions in brackets at its end are translated one by one."""
    text = text.replace("\n", " ")
    translated = translate(text, "help")
    if translated != text:
        return translated
    match = _ADDITION.fullmatch(text)
    if match is None:
        return text
    rest = translate_help(match[1]) if match[1] else ""
    additions = "；".join(translate(addition, "help") for addition in match[2].split("; "))
    return f"{rest}  [{additions}]".lstrip()


class ChineseFormatter(_Formatter):  # type: ignore[misc]
    """A help formatter whose texts are Chinese."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        start = f"{prefix or '用法：'}{prog} "
        words = " ".join(translate(word, "help") for word in args.split(" "))
        first, *others = wrap(words, self.width - display_width(start)) or [""]
        self.write(f"{start}{first}\n")
        for line in others:
            self.write(f"{' ' * display_width(start)}{line}\n")

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        self.write(f"{'':>{self.current_indent}}{translate(heading, 'help')}：\n")

    def write_text(self, text: str) -> None:
        """Write a paragraph."""
        for line in wrap(translate_help(text), self.width - self.current_indent):
            self.write(f"{'':>{self.current_indent}}{line}\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = COLUMN_SPACING) -> None:
        """Write names and their explanations in two columns."""
        width = min(max((display_width(name) for name, _ in rows), default=0), col_max) + col_spacing
        margin = " " * (self.current_indent + width)
        for name, text in rows:
            lines = wrap(translate_help(text), max(self.width - len(margin), 20)) if text else [""]
            if display_width(name) > width - col_spacing:
                self.write(f"{'':>{self.current_indent}}{name}\n{margin}{lines[0]}\n")
            else:
                self.write(f"{'':>{self.current_indent}}{pad(name, width)}{lines[0]}".rstrip() + "\n")
            for line in lines[1:]:
                self.write(f"{margin}{line}\n")


class ChineseContext(typer.Context):
    """A context whose help pages are Chinese."""

    formatter_class: Any = ChineseFormatter

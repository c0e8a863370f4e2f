"""What the first sentences of a file of columns show: which lines are comments, and whether tokens are numbered.

A line that begins with `#` before the first token of a sentence is a comment if it has another number of columns than
the lines of tokens; or if several sentences begin with such a line, and what would be its tag is no tag of another
token. All other lines that begin with `#` are tokens: `#` is a token of many texts.

Tokens are numbered if there are three columns or more, and the first one counts 1, 2, 3 ... in each sentence. Then the
token is in the second column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

_SPACES = re.compile(" +")


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """The layout of a file of columns. `tags` are those of tokens, in the last column of the first sentences."""

    width: int = 0
    has_comments: bool = False
    has_numbers: bool = False
    tags: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sentences: Sequence[Sequence[str]]) -> Self:
        """Return the layout of a file that begins with these sentences, each of which is a list of lines."""
        rows = [split_columns(line) for lines in sentences for line in lines if not line.startswith("#")]
        if not rows:
            return cls()
        layout = cls(len(rows[0]), has_comments=True, tags=frozenset(row[-1] for row in rows))
        first_lines = [lines[0] for lines in sentences if lines[0].startswith("#")]
        comments = [line for line in first_lines if layout.is_comment(line)]
        differ = any(len(split_columns(line)) != layout.width for line in comments)
        if not differ and not (len(comments) > 1 and len(comments) == len(sentences)):
            layout = cls(layout.width)
        tokens = [lines[layout.count_comments(lines) :] for lines in sentences]
        counts = all(
            split_columns(line)[0] == str(number) for lines in tokens for number, line in enumerate(lines, start=1)
        )
        is_numbered = counts and layout.width > 2 and sum(map(len, tokens)) > 1
        return replace(layout, has_numbers=is_numbered)

    @property
    def token_index(self) -> int:
        """The column of the tokens."""
        return 1 if self.has_numbers else 0

    def count_comments(self, lines: Sequence[str]) -> int:
        """Return how many lines at the beginning of a sentence are comments."""
        if not self.has_comments:
            return 0
        return next((i for i, line in enumerate(lines) if not self.is_comment(line)), len(lines))

    def is_comment(self, line: str) -> bool:
        """Return whether a line before the first token of a sentence is a comment, in a file that has comments."""
        cells = split_columns(line)
        is_other = len(cells) != self.width or (cells[0] == "#" and cells[-1] not in self.tags)
        return line.startswith("#") and is_other


def split_columns(line: str) -> list[str]:
    """Return the cells of a line, which are separated by tabs, or by spaces in a line without tabs."""
    return line.split("\t") if "\t" in line else _SPACES.split(line.strip(" "))

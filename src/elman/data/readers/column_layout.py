"""What the first sentences of a file of columns show: comments, numbers of tokens, and the column of the tags.

A line that begins with `#` before the first token of a sentence is a comment if it has another number of columns than
the lines of tokens; or if several sentences begin with such a line, and what would be its tag is no tag of another
token. All other lines that begin with `#` are tokens: `#` is a token of many texts.

Tokens are numbered if there are three columns or more, and the first one counts from 0 or 1 in each sentence, or
through the file. Then the token is in the second column.

The tag is in the last column, unless there are two columns of which the first one has nothing but tags of spans, such
as B-PER and O, and the last one has other texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Self

_SPACES = re.compile(" +")
_SPAN_TAG = re.compile(r"O|[BIELMSU]-.+")


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """The layout of a file of columns. `tags` are those of tokens, in the last column of the first sentences."""

    width: int = 0
    has_comments: bool = False
    has_numbers: bool = False
    tags: frozenset[str] = frozenset()
    tags_are_first: bool = False

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
        first, last = ([[split_columns(line)[i] for line in lines] for lines in tokens if lines] for i in (0, -1))
        return replace(
            layout,
            has_numbers=layout.width > 2 and sum(map(len, tokens)) > 1 and _count(first),
            tags_are_first=layout.width == 2 and _are_span_tags(first) and not _are_span_tags(last),
        )

    @property
    def token_index(self) -> int:
        """The column of the tokens."""
        return 1 if self.has_numbers or self.tags_are_first else 0

    @property
    def tag_index(self) -> int:
        """The column of the tags; -1 is the last one."""
        return 0 if self.tags_are_first else -1

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


def _count(sentences: Sequence[Sequence[str]]) -> bool:
    """Return whether the cells of each sentence count from 0, from 1, or on from the sentence before."""
    if not all(cell.isascii() and cell.isdecimal() for cell in chain(*sentences)):
        return False
    numbers = [list(map(int, cells)) for cells in sentences]
    go_on = all(after[0] == before[-1] + 1 for before, after in pairwise(numbers))
    starts = {cells[0] for cells in numbers}
    return (go_on or starts in ({0}, {1})) and all(b == a + 1 for cells in numbers for a, b in pairwise(cells))


def _are_span_tags(columns: Iterable[Iterable[str]]) -> bool:
    """Return whether all cells are tags of spans, and some of them begin one."""
    cells = set(chain(*columns))
    return all(map(_SPAN_TAG.fullmatch, cells)) and cells != {"O"}


def split_columns(line: str) -> list[str]:
    """Return the cells of a line, which are separated by tabs, or by spaces in a line without tabs."""
    return line.split("\t") if "\t" in line else _SPACES.split(line.strip(" "))

"""Quotes in tables: the cells of a row, which may hold separators, line ends and quotes.

tables.py says which quotes a table has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .text import Line

MAX_QUOTED_LINES = 1000  # of a quoted cell in a table with tabs, in which a quote may also be a character


class QuoteError(ValueError):
    """What is wrong with the quotes of a row."""


class _OpenQuoteError(QuoteError):
    """A quoted cell does not end."""


class _Split(NamedTuple):
    """A row that was split with regard to quotes."""

    cells: list[str]
    are_quoted: list[bool]  # for each cell
    num_lines: int
    has_inner_quotes: bool  # in a quoted cell


class Lookahead:
    """Lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._ahead: deque[Line] = deque()

    def text(self, index: int) -> str | None:
        """Return the text of the line that is `index` lines ahead; None after the last one."""
        while len(self._ahead) <= index:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[index][1]

    def widths(self, count: int, separator: str) -> set[int]:
        """Return the numbers of cells that the next lines have if quotes are characters."""
        return {(self.text(index) or "").count(separator) + 1 for index in range(count)}

    def take(self, count: int) -> list[Line]:
        """Return the next lines, which `text` has returned before."""
        return [self._ahead.popleft() for _ in range(count)]


def split_with_quotes(ahead: Lookahead, separator: str, width: int | None) -> tuple[list[str], int]:
    """Return the cells of the next row of a table with quotes of RFC 4180, and the number of its lines."""
    literal = (ahead.text(0) or "").split(separator)
    if '"' not in literal[:-1] or len(literal) != width:
        split = _split_quoted(ahead, separator)
        return split.cells, split.num_lines
    try:
        split = _split_quoted(ahead, separator, MAX_QUOTED_LINES)
    except QuoteError:
        return literal, 1
    is_quoted = len(split.cells) == width and ahead.widths(split.num_lines, separator) != {width}
    return (split.cells, split.num_lines) if is_quoted else (literal, 1)


def split_at_tabs(ahead: Lookahead, separator: str, width: int | None) -> tuple[list[str], int]:
    """Return the cells of the next row of a table with tabs, and the number of its lines."""
    line = ahead.text(0) or ""
    literal = line.split(separator)
    if not any(cell.startswith('"') for cell in literal):
        return literal, 1
    try:
        split = _split_quoted(ahead, separator, MAX_QUOTED_LINES)
    except QuoteError:
        return literal, 1
    if split.num_lines == 1 and len(split.cells) == len(literal):
        return (split.cells if split.has_inner_quotes else literal), 1
    is_quoted = len(split.cells) == width and ahead.widths(split.num_lines, separator) != {width}
    return (split.cells, split.num_lines) if is_quoted else (literal, 1)


def _split_quoted(ahead: Lookahead, separator: str, max_lines: int | None = None) -> _Split:
    """Split the next row; quotes that are not those of RFC 4180 are a QuoteError."""
    cells: list[str] = []
    are_quoted: list[bool] = []
    line, number, start, has_inner_quotes = ahead.text(0) or "", 0, 0, False
    while True:
        are_quoted.append(line.startswith('"', start))
        if not are_quoted[-1]:
            end = line.find(separator, start)
            cells.append(line[start:] if end < 0 else line[start:end])
            if end < 0:
                return _Split(cells, are_quoted, number + 1, has_inner_quotes)
            start = end + 1
            continue
        parts: list[str] = []
        start += 1
        while (end := line.find('"', start)) < 0 or line.startswith('""', end):
            if end >= 0:
                parts.append(line[start : end + 1])
                start, has_inner_quotes = end + 2, True
                continue
            parts.append(line[start:] + "\n")
            number, start = number + 1, 0
            following = ahead.text(number) if max_lines is None or number < max_lines else None
            if following is None:
                raise _OpenQuoteError("a quoted cell has no closing quote")
            line = following
        cells.append("".join(parts) + line[start:end])
        start = end + 1
        if start == len(line):
            return _Split(cells, are_quoted, number + 1, has_inner_quotes)
        if line[start] != separator:
            raise QuoteError(f"{line[start]!r} after the closing quote of a cell")
        start += 1


def has_quoted_cells(sample: Sequence[Line], separator: str, *, is_cut: bool) -> bool:
    """Return whether all cells of the first row, or of all others, are quoted, and RFC 4180 gives rows of one width.

    is_cut: the last row of the sample may continue after it.
    """
    ahead = Lookahead(iter(sample))
    width = 0
    is_header_quoted, num_rows = True, 0
    while (line := ahead.text(0)) is not None:
        try:
            split = _split_quoted(ahead, separator)
        except _OpenQuoteError:
            return width > 1 and is_cut and (is_header_quoted or num_rows > 1)  # the row may end after the sample
        except QuoteError:
            return False
        if not width:
            is_header_quoted = all(split.are_quoted)
        elif line and not is_header_quoted and not all(split.are_quoted):
            return False
        num_rows += bool(line)
        width = width or len(split.cells)
        if line and len(split.cells) != width:
            return False
        ahead.take(split.num_lines)
    return width > 1 and (is_header_quoted or num_rows > 1)

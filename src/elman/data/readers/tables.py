"""Tables: rows of cells, in the dialects that spreadsheets, pandas and databases write.

The separator is a tab, a semicolon or a comma: the one that gives most rows as many cells as the first row; or `|`, if
the first row then has the names that are searched for. A first line `sep=;`, as Excel writes it, names another one.
Quotes are those of RFC 4180: a quoted cell may hold separators, line ends and quotes, which are written twice. A quote
alone between separators is a character, as in tables of tokens, if its line has as many cells as the first row, and so
have all lines up to the next quote.

With tabs, most programs write no quotes, so that a quote is a character like any other; pandas quotes the cells that
need it. There, a cell is quoted if it begins with a quote and ends with one before a tab or line end, quotes inside are
written twice, and

    - there are quotes inside, or
    - it holds a tab or a line end, the row has as many cells as the first row, and its lines without quotes have not.

Where every cell of the first row is quoted, or every cell of the rows below it, and with the quotes of RFC 4180 all
first rows have as many cells, these are the quotes of the table.

    table = read_table(numbered_lines(source))
    names = table.take_header()
    for row in table.rows():
        print(row.text + table.dialect.separator + table.dialect.write([prediction(row.cells)]))
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

from elman.errors import DataError

from .quotes import Lookahead, QuoteError, has_quoted_cells, split_at_tabs, split_with_quotes
from .text import Line

SEPARATORS = "\t;,"  # in the order of preference
SEPARATOR_NAMES = {"\t": "a tab", ";": "a semicolon", ",": "a comma"}
BAR = "|"  # a separator of tables whose columns are known by their names
SAMPLE_LINES = 200  # which decide the dialect
_DECLARATION = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_QUOTES_HINT = "Check that every quote is closed. In CSV, a quote inside a quoted cell is written twice"


class Row(NamedTuple):
    """A row: the place of its first line, its cells, and its text in the file, without the last line end."""

    where: str
    cells: list[str]
    text: str

    @property
    def is_blank(self) -> bool:
        """Whether all cells are empty or spaces."""
        return not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written."""

    separator: str = ","
    has_quotes: bool = True  # of RFC 4180; otherwise those of pandas in tables with tabs, see above
    is_declared: bool = False  # by a first line such as `sep=;`

    @property
    def separator_name(self) -> str:
        """The separator in words."""
        return SEPARATOR_NAMES.get(self.separator, repr(self.separator))

    def write(self, cells: Iterable[str]) -> str:
        """Return a row without its line end, which `read_table` reads as these cells again."""
        return self.separator.join(map(self._written, cells))

    def _written(self, cell: str) -> str:
        special = (self.separator, "\n", "\r", '"') if self.has_quotes else (self.separator, "\n", "\r")
        if any(mark in cell for mark in special) or cell.startswith('"'):
            return '"' + cell.replace('"', '""') + '"'
        return cell


class Table:
    """A table that is read once: its dialect, its header where it has one, and its rows."""

    def __init__(self, lines: Iterator[Line], dialect: Dialect) -> None:
        self.dialect = dialect
        self.header: Row | None = None
        self._ahead: deque[Row] = deque()
        self._rows = _read_rows(lines, dialect)
        self._error: DataError | None = None  # of the row after those that were read ahead

    def peek(self, count: int) -> list[Row]:
        """Return the next rows, at most `count`, which stay to be read; a malformed row ends them."""
        while len(self._ahead) < count and self._error is None:
            try:
                row = next(self._rows, None)
            except DataError as error:
                self._error = error
                break
            if row is None:
                break
            self._ahead.append(row)
        return list(islice(self._ahead, count))

    def take_header(self) -> tuple[str, ...]:
        """Return the cells of the next row that is not blank, without surrounding spaces; () if there is none.

        Rows that are read later must not have more cells.
        """
        row = self._next_row()
        while row is not None and row.is_blank:
            row = self._next_row()
        self.header = row
        return () if self.header is None else tuple(cell.strip() for cell in self.header.cells)

    def rows(self, width: int | None = None) -> Iterator[Row]:
        """Yield the rows, blank ones too; more cells than the header, or than width, are a DataError.

        Empty cells at the end of a row, which spreadsheets write, are not counted.
        """
        if width is None and self.header is not None:
            width = len(self.header.cells)
        while (row := self._next_row()) is not None:
            if width is not None and len(row.cells) > width and "".join(row.cells[width:]).strip():
                raise _wide_row_error(row, width, self.dialect, self.header)
            yield row

    def _next_row(self) -> Row | None:
        if self._ahead:
            return self._ahead.popleft()
        if self._error is not None:
            raise self._error
        return next(self._rows, None)


def read_table(
    lines: Iterable[Line],
    *,
    separators: str = SEPARATORS,
    default: str | None = None,
    names: Collection[str] = (),
    sample_lines: int = SAMPLE_LINES,
) -> Table:
    """Return a table in the dialect of its first lines, of which sample_lines are read ahead.

    separators are those to choose from, and `|` beside a comma; a separator by which the first row has all of these
    names comes first. A table of one column has the default one: without a default, a comma where that is to choose
    from.
    """
    remaining = iter(lines)
    sample = list(islice(remaining, sample_lines))
    while sample and not sample[0][1].strip() and "\t" not in sample[0][1]:
        sample.pop(0)
    declaration = _DECLARATION.fullmatch(sample[0][1].strip(" ")) if sample else None
    if declaration:
        sample.pop(0)
    separator = declaration[1] if declaration else _detect_separator(sample, separators, default, names)
    has_quotes = separator != "\t" or has_quoted_cells(sample, separator, is_cut=len(sample) >= sample_lines - 1)
    return Table(chain(sample, remaining), Dialect(separator, has_quotes, declaration is not None))


def unused_names(names: Iterable[str], present: Collection[str] = ()) -> list[str]:
    """Return names of columns, each of which is different; one that is present already gets a number."""
    unused: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in present or candidate in unused:
            candidate, number = f"{name}_{number}", number + 1
        unused.append(candidate)
    return unused


def describe_width(cells: Sequence[str]) -> str:
    """Return the number of cells for a message, such as `one cell`."""
    return "one cell" if len(cells) == 1 else f"{len(cells)} cells"


def _detect_separator(sample: Sequence[Line], separators: str, default: str | None, names: Collection[str]) -> str:
    """Return the separator by which the first row has the names, and most rows have as many cells as the first one."""
    best, best_score = default or ("," if "," in separators else separators[0]), (False, 0.0)
    for separator in separators + (BAR if names and "," in separators else ""):
        table = Table(iter(sample), Dialect(separator, separator != "\t"))
        rows = [row for row in table.peek(SAMPLE_LINES) if not row.is_blank]
        if not rows or len(rows[0].cells) < 2:
            continue
        has_names = bool(names) and {cell.strip() for cell in rows[0].cells} >= set(names)
        if separator == BAR and not has_names:
            continue
        score = has_names, sum(len(row.cells) == len(rows[0].cells) for row in rows) / len(rows)
        if score > best_score:
            best, best_score = separator, score
    return best


def first_row_hint(rows: Sequence[Row]) -> str | None:
    """Return what to do about a first row that lacks a column: it may be a title, or its separator is not known."""
    if not rows or len([cell for cell in rows[0].cells if cell.strip()]) != 1:
        return None
    if any(len(row.cells) > 1 for row in rows[1:]):
        return f"Is line {_line_of(rows[0])} a title above the table? Remove it"
    if BAR in rows[0].text:
        return f"If {BAR} separates the cells, write sep={BAR} on a line above them"
    return None


def joined_columns_hint(name: str, names: Collection[str]) -> str | None:
    """Return what to do about a name such as `title,body` that no column has, while its parts are names of columns."""
    parts = [part.strip() for part in name.split(",")]
    if len(parts) < 2 or not all(part in names for part in parts):
        return None
    joined = ' + " " + '.join(f'table["{part}"]' for part in parts)
    return f'One column is read: join them beforehand, for example with pandas: table["text"] = {joined}'


def _line_of(row: Row) -> str:
    return row.where.rpartition(":")[2]


def _wide_row_error(row: Row, width: int, dialect: Dialect, header: Row | None) -> DataError:
    given = describe_width(row.cells)
    problem = f"has {given}; expected {width} as in the header" if header else f"has {given}; expected {width}"
    hint = f"Is a text with {dialect.separator_name} not quoted? Write it in quotes"
    if header is not None and width == 1:
        hint = f"{hint}. If line {_line_of(header)} is a title above the table, remove it"
    return DataError(problem, hint=hint, where=row.where)


def _read_rows(lines: Iterator[Line], dialect: Dialect) -> Iterator[Row]:
    ahead = Lookahead(lines)
    width: int | None = None
    while (line := ahead.text(0)) is not None:
        if '"' not in line:
            cells, num_lines = line.split(dialect.separator), 1
        elif dialect.has_quotes:
            try:
                cells, num_lines = split_with_quotes(ahead, dialect.separator, width)
            except QuoteError as error:
                raise DataError(f"not a CSV row ({error})", hint=_QUOTES_HINT, where=ahead.take(1)[0][0]) from None
        else:
            cells, num_lines = split_at_tabs(ahead, dialect.separator, width)
        if width is None and line.strip():
            width = len(cells)
        taken = ahead.take(num_lines)
        yield Row(taken[0][0], cells, "\n".join(text for _, text in taken))

"""Tables of pairs: the columns of source and target in files with tabs, commas or semicolons.

A table has a header if its first row names the columns source and target, or those of --columns; --header and
--no-header say so otherwise. Without --columns and without a header, the first column is the source and all others are
targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import shorten
from elman.data.readers.tables import SEPARATORS, Table, first_row_hint, read_table, unused_names
from elman.data.readers.text import Line
from elman.errors import DataError

from .config import Seq2SeqReaderConfig as ReaderConfig


class PairRow(NamedTuple):
    """The place of a row, its source followed by its targets, and the number of its cells.

    other_columns are the other cells by the names in the header, or None.
    """

    where: str
    cells: list[str]
    width: int
    other_columns: dict[str, str] | None = None


def read_columns(
    lines: Iterator[Line], reader: ReaderConfig, notify: Notify, separators: str, *, with_other_columns: bool
) -> Iterator[PairRow]:
    """Yield the rows that are not blank; a malformed row is a DataError."""
    table = read_table(lines, separators=separators, names=reader.column_names)
    has_tabs = table.dialect.separator == "\t"
    first = table.peek(1)
    columns = _take_header(table, reader, notify)
    header = [cell.strip() for cell in table.header.cells] if table.header is not None and with_other_columns else []
    others = [(i, name) for i, name in enumerate(unused_names(header)) if i not in (columns or ())]
    hint = f"Separate the columns by {table.dialect.separator_name}"
    for row in table.rows(None if has_tabs or not first else len(first[0].cells)):
        where, cells, _ = row
        if row.is_blank and (len(cells) == 1 or not has_tabs):
            continue
        if columns is None:
            if len(cells) < 2:
                hint = f"{hint}; --columns names other columns than 1,2"
                if cells[0].lstrip().startswith("{"):
                    hint = "For JSON lines, use --format jsonl"
                elif hint_of_bar := first_row_hint([row]):
                    hint = hint_of_bar
                elif len(cells[0].split()) > 1:
                    hint = f"{hint}; for a pronouncing dictionary, use --format lexicon"
                elif has_tabs and any(mark in cells[0] for mark in ",;"):
                    hint = f"{hint}; for commas or semicolons, use --format csv"
                problem = "has one column; expected SOURCE TAB TARGET"
                raise DataError(problem, hint=hint, where=where, missing="targets")
            further = [target for target in cells[2:] if target.strip()]  # spreadsheets end short rows with tabs
            yield PairRow(where, [*cells[:2], *further], len(cells))
            continue
        if len(cells) <= max(columns):
            has = "one column" if len(cells) == 1 else f"{len(cells)} columns"
            hint = f"{hint}; --columns {columns[0] + 1},{columns[1] + 1} counts them from 1"
            raise DataError(f"has {has}; expected at least {max(columns) + 1}", hint=hint, where=where)
        other_cells = {name: cells[i] if i < len(cells) else "" for i, name in others}
        yield PairRow(
            where, [cells[column] for column in columns], len(cells), other_cells if with_other_columns else None
        )


def names_columns(lines: Iterator[Line], reader: ReaderConfig) -> bool:
    """Return whether the first row of a table names the columns of source and target."""
    return _named_columns(read_table(lines, separators=SEPARATORS, names=reader.column_names), reader) is not None


def _named_columns(table: Table, reader: ReaderConfig) -> tuple[int, int] | None:
    """Return the indices of source and target if the first row of a table names them."""
    names = reader.column_names
    if not names or reader.header is False:
        return None
    header = [cell.strip() for row in table.peek(1) for cell in row.cells]
    if reader.columns is None:
        header = [cell.lower() for cell in header]
    return (header.index(names[0]), header.index(names[1])) if {*names} <= {*header} else None


def _take_header(table: Table, reader: ReaderConfig, notify: Notify) -> tuple[int, int] | None:
    """Take the header, if there is one, and return the indices of source and target; None for all columns."""
    named = _named_columns(table, reader)
    first = table.peek(1)
    if named is not None or reader.header:
        table.take_header()
    if named is not None:
        if reader.header is None and reader.columns is None:
            notify(f"{first[0].where}: this line names the columns. Use --no-header to read it as a pair.")
        return named
    if reader.columns is None:
        _expect_targets(table, reader)
        return None
    if reader.column_names:
        header = _listed(first[0].cells) if first else "no columns"
        has_targets = not first or reader.column_names[1] in (cell.strip() for cell in first[0].cells)
        problem = f"the first line has {header}; expected the columns {_listed(reader.column_names)}"
        hint = "Name two of its columns with --columns, or count them from 1"
        where = first[0].where if first else None
        raise DataError(problem, hint=hint, where=where, missing=None if has_targets else "targets")
    source, target = (int(column) - 1 for column in reader.columns)
    return source, target


def _expect_targets(table: Table, reader: ReaderConfig) -> None:
    """Raise a DataError if the first row names a column source, after another column, but none target."""
    source, target = reader.column_names or ("", "")
    for row in table.peek(1):
        names = [cell.strip().lower() for cell in row.cells]
        if reader.header is not False and source in names[1:] and target not in names:
            problem = f"the first line has {_listed(row.cells)}; expected a column {target!r} beside {source!r}"
            hint = "If the line is a pair, use --no-header; --columns names other columns"
            raise DataError(problem, hint=hint, where=row.where, missing="targets")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(shorten(name)) for name in names[:6])

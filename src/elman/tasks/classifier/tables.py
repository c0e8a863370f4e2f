"""Tables of labelled texts: the columns of text and label, which a header or --columns names.

A table of two columns has no header if the first cell of one column occurs again below, as a label does and the name of
a column does not, and that column repeats its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import shorten
from elman.data.readers.tables import (
    Row,
    Table,
    describe_width,
    first_row_hint,
    joined_columns_hint,
    read_table,
    unused_names,
)
from elman.data.readers.text import Line
from elman.errors import DataError

from .config import ClassifierReaderConfig as ReaderConfig

FIRST_ROWS = 1000  # which show whether a table has a header
MAX_LABEL_SHARE = 0.5  # different values of a column of labels, by rows
DEFAULT_NAMES = ("text", "label")


class LabelledRow(NamedTuple):
    """The cells of text and label in a row, its place, and the other cells by the names of their columns, or None."""

    text: str
    label: str
    where: str
    other_columns: dict[str, str] | None


def read_labelled_rows(
    lines: Iterator[Line], reader: ReaderConfig, notify: Notify, separators: str, *, with_other_columns: bool
) -> Iterator[LabelledRow]:
    """Yield the rows of a table that are not blank; a malformed row is a DataError."""
    names = () if reader.columns else (reader.text_column, reader.label_column)
    table = read_table(lines, separators=separators, names=names)
    indices, width = _column_indices(table, reader, notify)
    header = [cell.strip() for cell in table.header.cells] if table.header is not None else reader.columns or ()
    names_of_all = unused_names(header) if with_other_columns else []
    others = [(i, name) for i, name in enumerate(names_of_all) if i not in indices]
    for row in table.rows(width):
        if row.is_blank:
            continue
        if len(row.cells) <= max(indices):
            hint = f"Separate the cells by {table.dialect.separator_name}, as in the lines before"
            problem = f"has {describe_width(row.cells)}; expected at least {max(indices) + 1}"
            raise DataError(problem, hint=hint, where=row.where)
        text, label = (row.cells[i] for i in indices)
        other_cells = {name: row.cells[i] if i < len(row.cells) else "" for i, name in others}
        yield LabelledRow(text, label, row.where, other_cells if with_other_columns else None)


def _column_indices(table: Table, reader: ReaderConfig, notify: Notify) -> tuple[tuple[int, int], int | None]:
    """Return the indices of text and label in a row, and the width of a table without a header; take the header."""
    rows = [row for row in table.peek(FIRST_ROWS) if not row.is_blank]
    if not rows:
        return (0, 1), None
    where, names = rows[0].where, (reader.text_column, reader.label_column)
    if reader.columns is not None:
        missing = next((name for name in names if name not in reader.columns), None)
        if missing is not None:
            problem = f"--columns names the columns {_listed(reader.columns)}; expected {missing!r} among them"
            raise DataError(problem, hint="For example --columns label,text", where=where)
        return _indices_of(names, reader.columns), len(reader.columns)
    header = [cell.strip() for cell in rows[0].cells]
    missing = next((name for name in names if name not in header), None)
    if missing is None:
        table.take_header()
        return _indices_of(names, header), None
    order = columns_without_header(rows, reader)
    if not order:
        flag = "--text" if missing == reader.text_column else "--label"
        hint = f"Name another column with {flag}; a table without a header needs --no-header --columns label,text"
        problem = f"the header has the columns {_listed(header)}; expected {missing!r}"
        without_labels = None if reader.label_column in header else "labels"
        hint = joined_columns_hint(missing, header) or first_row_hint(rows) or hint
        raise DataError(problem, hint=hint, where=where, missing=without_labels)
    notify(
        f"{where}: no header; reading the columns as {','.join(order)}. Use --header if this line names the columns."
    )
    return _indices_of(names, order), 2


def _indices_of(names: tuple[str, str], header: Sequence[str]) -> tuple[int, int]:
    return list(header).index(names[0]), list(header).index(names[1])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(shorten(name)) for name in names[:6])


def columns_without_header(rows: Sequence[Row], reader: ReaderConfig) -> tuple[str, ...]:
    """Return the names of the columns of a table of two columns without a header; () if there may be a header."""
    has_default_names = (reader.text_column, reader.label_column) == DEFAULT_NAMES
    if reader.header or not has_default_names or not rows or len(rows[0].cells) != 2:
        return ()
    if {*DEFAULT_NAMES} <= {cell.strip() for cell in rows[0].cells}:
        return ()
    columns = [[row.cells[i].strip() for row in rows if len(row.cells) == 2] for i in range(2)]
    labels = [i for i in range(2) if _holds_labels(columns[i])]
    return DEFAULT_NAMES[:: -1 if labels == [0] else 1] if len(labels) == 1 else ()


def _holds_labels(cells: Sequence[str]) -> bool:
    """Return whether the cells repeat their values, that of the first row too."""
    return cells[0] in cells[1:] and len(set(cells)) <= MAX_LABEL_SHARE * len(cells)

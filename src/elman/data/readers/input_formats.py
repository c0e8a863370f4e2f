"""The formats of inputs that several tasks read: the lines of a text, the rows of a table, and JSON.

    lines   one input on each line
    table   a table (tables.py), one of whose columns has the inputs
    jsonl   an object on each line, one of whose keys has the input, or one array of such objects

Without a format, the file decides. It holds JSON if its first line is an object with the key, or if it begins as an
array does; and a table if its name ends in .csv, .tsv or .tab, if its first row is a header with the column, or if it
has the columns of a table that was read in training. Then a table that lacks the column is a DataError: its lines are
never read as texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from elman.errors import DataError

from .excerpts import list_names, shorten, shorten_json
from .inputs import Input, InputFile, Inputs, NumberedLine, line_number
from .jsonl import begins_array, read_array
from .tables import (
    SAMPLE_LINES,
    SEPARATORS,
    Row,
    Table,
    describe_width,
    first_row_hint,
    joined_columns_hint,
    read_table,
)

TABLE_SUFFIXES = (".csv", ".tsv", ".tab")

Reader = Callable[[InputFile], Inputs]


@dataclass(frozen=True, slots=True)
class InputColumn:
    """The column, or the key, that has the inputs."""

    name: str
    flag: str  # of the option that names another one
    columns: tuple[str, ...] = ()  # the names of all columns, of a table without a header
    label: str = ""  # the name of the column of labels, which shows whether the first row is a header
    index: int | None = None  # the column of a table without a header; None if it needs a header
    labels: frozenset[str] = frozenset()  # those of the model, which show where the labels of a table are
    has_tables: bool = False  # the training files were tables, so that lines with tabs are rows
    holds_lists: bool = False  # an input is a list of texts, in JSON


def read_line_inputs(file: InputFile, text_of: Callable[[str], str | None] = str) -> Inputs:
    """Return an input for each line; text_of returns its text, or None for a line without an input."""
    lines = ((number, text_of(line) if error is None else "", error) for number, line, error in file.lines)
    return file.inputs("lines", (Input(number, text, error) for number, text, error in lines if text is not None))


def read_json_inputs(file: InputFile, column: InputColumn) -> Inputs:
    """Return an input for each object, of an array or a line each."""
    if file.first.lstrip().startswith("["):
        hint = f'Write an object on each line: {{"{column.name}": ...}}'
        objects = enumerate(read_array(file.strict_lines(), (), hint), 1)
        return file.inputs("jsonl", (_of_object(number, value, column) for number, (_, value) in objects))
    lines = (line for line in file.lines if line[1].strip() or line[2])
    return file.inputs("jsonl", (_of_json_line(line, column) for line in lines))


def read_table_inputs(file: InputFile, column: InputColumn, separators: str = SEPARATORS) -> Inputs:
    """Return an input for each row that is not blank."""
    table = open_table(file, (column.name,), separators)
    index = _take_header(table, column, len(file.sample))
    rows = (_of_row(row, index) for row in table.rows() if not row.is_blank)
    return file.inputs("table", rows, table.dialect, table.header)


def open_table(file: InputFile, names: Sequence[str] = (), separators: str = SEPARATORS) -> Table:
    """Return the table in a file; names are those of columns that its header may have."""
    return read_table(
        file.strict_lines(),
        separators=separators,
        default="\t" if separators == SEPARATORS and file.suffix in (".tsv", ".tab") else None,
        names=names,
        sample_lines=max(1, len(file.sample)),
    )


def column_readers(column: InputColumn, text_of: Callable[[str], str | None] = str) -> dict[str, Reader]:
    """Return the readers of the formats here; text_of returns the text of a line."""
    return {
        "lines": partial(read_line_inputs, text_of=text_of),
        "table": partial(read_table_inputs, column=column),
        "tsv": partial(read_table_inputs, column=column, separators="\t"),
        "csv": partial(read_table_inputs, column=column, separators=";,"),
        "jsonl": partial(read_json_inputs, column=column),
    }


def detect_format(file: InputFile, column: InputColumn) -> str:
    """Return the format of a file: jsonl, table or lines."""
    if is_array(file) or column.name in (_object_of(file.first) or ()):
        return "jsonl"
    return "table" if file.suffix in TABLE_SUFFIXES or _is_table(file, column) else "lines"


def is_array(file: InputFile) -> bool:
    """Return whether a file begins as an array of objects, lists or texts does."""
    return begins_array([line for _, line, _ in file.sample])


def _object_of(line: str) -> dict[str, Any] | None:
    """Return the JSON object that a line is; None for any other line."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_table(file: InputFile, column: InputColumn) -> bool:
    """Return whether the first lines of a file without the name of a table are those of one."""
    if not file.first:
        return False
    table = read_table(file.readable_sample, names=(column.name,))
    rows = [row for row in table.peek(SAMPLE_LINES) if not row.is_blank]
    if not rows or len(rows[0].cells) < 2:
        return False
    if column.name in map(str.strip, rows[0].cells):
        return True
    if any(len(row.cells) != len(rows[0].cells) for row in rows):
        return False
    return column.has_tables and (table.dialect.separator == "\t" or _label_index(rows, column) is not None)


def _label_index(rows: Sequence[Row], column: InputColumn) -> int | None:
    """Return the only column of a table whose cells are labels of the model, if there is one."""
    indices = range(len(rows[0].cells)) if column.labels else ()
    full = [row for row in rows if len(row.cells) == len(rows[0].cells)]
    having = [i for i in indices if all(row.cells[i].strip() in column.labels for row in full)]
    return having[0] if len(having) == 1 else None


def _of_json_line(line: NumberedLine, column: InputColumn) -> Input:
    number, text, error = line
    if error is not None:
        return Input(number, error=error)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return Input(number, error=f"not JSON ({problem})")
    if not isinstance(value, dict):
        return Input(number, error=f"{shorten(text.strip())}; expected a JSON object")
    return _of_object(number, value, column)


def _of_object(number: int, value: dict[str, Any], column: InputColumn) -> Input:
    content = value.get(column.name)
    if column.holds_lists and isinstance(content, list) and all(isinstance(item, str) for item in content):
        return Input(number, tokens=tuple(content), value=value)
    if isinstance(content, str) and not column.holds_lists:
        return Input(number, content.strip(), value=value)
    given = f"no key {column.name!r}"
    if column.name in value:
        given = f"the value of {column.name!r} is {shorten_json(content)}"
    expected = "a list of text" if column.holds_lists else "text"
    return Input(number, error=f"{given}; expected {expected}. {column.flag} names another key", value=value)


def _take_header(table: Table, column: InputColumn, sample_lines: int) -> int:
    """Take the header, if the table has one, and return the index of the column."""
    rows = [row for row in table.peek(sample_lines) if not row.is_blank]
    if not rows:
        return 0
    header = [cell.strip() for cell in rows[0].cells]
    if column.name in header:
        table.take_header()
        return header.index(column.name)
    if column.name in column.columns and len(header) == len(column.columns) and not _is_header(rows, column):
        return column.columns.index(column.name)
    label = _label_index(rows, column) if len(header) == 2 else None
    if label is not None:
        return 1 - label
    if column.index is not None and (column.index < len(header) or len(header) == 1):
        return min(column.index, len(header) - 1)
    names = list_names([repr(shorten(name)) for name in header], 6)
    hint = f"Name the column of the inputs with {column.flag}, or read each line as one input with --format lines"
    if len(header) > 1:
        hint = f"Name the column of the inputs with {column.flag}; --format lines reads all columns as the input"
    problem = f"the header has the columns {names}; expected {column.name!r}"
    hint = joined_columns_hint(column.name, header) or first_row_hint(rows) or hint
    raise DataError(problem, hint=hint, where=rows[0].where)


def _is_header(rows: Sequence[Row], column: InputColumn) -> bool:
    """Return whether the first row of a table names its columns: what would be its label is none, and not repeated."""
    if column.label not in column.columns:
        return False
    index = column.columns.index(column.label)
    first, *others = [row.cells[index].strip() for row in rows if len(row.cells) > index]
    return first not in ("", *column.labels, *others)


def _of_row(row: Row, index: int) -> Input:
    number = line_number(row.where)
    if len(row.cells) <= index:
        error = f"has {describe_width(row.cells)}; expected at least {index + 1}"
        return Input(number, error=error, rows=(row,))
    return Input(number, row.cells[index].strip(), rows=(row,))

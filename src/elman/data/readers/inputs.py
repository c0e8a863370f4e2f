"""The inputs of a prediction: the lines of a text, the rows of a table, or the objects of JSON lines.

    lines   one input on each line
    table   a table (tables.py), one of whose columns has the inputs
    jsonl   an object on each line, one of whose keys has the input

Without a format, the file decides. It holds JSON lines if its first line is an object with the key, and a table if its
name ends in .csv, .tsv or .tab, or if its first row is a header with the column. Then a table that lacks the column is
a DataError: its lines are never read as texts.

A file is read in groups of inputs. From a pipe, a group has what has arrived, so that a program that writes a line and
waits for the answer gets it.
"""

from __future__ import annotations

import json
import os
import queue
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from elman.errors import DataError

from .encodings import Notify
from .excerpts import list_names, shorten, shorten_json
from .files import STDIN, is_readable_once
from .tables import SAMPLE_LINES, SEPARATORS, Dialect, Row, Table, describe_width, read_table
from .text import Line, TextSource

Format = Literal["auto", "lines", "tsv", "csv", "jsonl"]
Kind = Literal["lines", "table", "jsonl"]
NumberedLine = tuple[int, str, str | None]  # its number, its text, and why it has none
Item = TypeVar("Item")

GROUP = 4096  # inputs
TABLE_SUFFIXES = (".csv", ".tsv", ".tab")
_SEPARATORS_OF: dict[str, str] = {"tsv": "\t", "csv": ";,"}


class Input(NamedTuple):
    """An input: the number of its first line, its text, why it has none, and the row or the object it comes from."""

    number: int
    text: str
    error: str | None = None
    row: Row | None = None
    value: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InputColumn:
    """The column, or the key, that has the inputs."""

    name: str
    flag: str  # of the option that names another one
    columns: tuple[str, ...] = ()  # the names of all columns, of a table without a header
    index: int | None = None  # the column of a table without a header; None if it needs a header


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a file. They can be read once."""

    kind: Kind
    groups: Iterator[list[Input]]
    dialect: Dialect | None = None  # of a table
    header: Row | None = None  # of a table that has one
    has_mark: bool = False  # the file begins with a byte order mark


def read_inputs(
    path: str, column: InputColumn, *, form: Format = "auto", encoding: str | None = None, notify: Notify
) -> Inputs:
    """Open a file, or stdin for `-`, and return its inputs."""
    comes_in_pieces = arrives_in_pieces(path)
    source, lines = _numbered_lines(path, encoding, notify)
    sample = list(islice(lines, 1 if comes_in_pieces else SAMPLE_LINES))
    while sample and not sample[-1][1].strip() and (line := next(lines, None)) is not None:
        sample.append(line)  # a first line that is blank says nothing
    all_lines = chain(sample, lines)
    kind = _kind(sample, column, form, source.name)
    if kind == "lines":
        inputs = (Input(*line) for line in all_lines)
        return Inputs(kind, grouped(inputs, as_they_come=comes_in_pieces))
    if kind == "jsonl":
        objects = (_of_object(line, column) for line in all_lines if line[1].strip() or line[2])
        return Inputs(kind, grouped(objects, as_they_come=comes_in_pieces))
    table = read_table(
        _strict(all_lines, source),
        separators=_SEPARATORS_OF.get(form, SEPARATORS),
        default="\t" if form == "auto" and _suffix(source.name) in (".tsv", ".tab") else None,
        names=(column.name,),
        sample_lines=max(1, len(sample)),
    )
    index = _take_header(table, column)
    rows = (_of_row(row, index) for row in table.rows() if not row.is_blank)
    return Inputs(kind, grouped(rows, as_they_come=comes_in_pieces), table.dialect, table.header, source.has_mark)


def read_lines(path: str, *, encoding: str | None = None, notify: Notify) -> Inputs:
    """Open a file, or stdin for `-`, and return its lines."""
    _, lines = _numbered_lines(path, encoding, notify)
    return Inputs("lines", grouped((Input(*line) for line in lines), as_they_come=arrives_in_pieces(path)))


def arrives_in_pieces(path: str | Path) -> bool:
    """Return whether the content may come bit by bit: from a pipe or a terminal, but not from a redirected file."""
    if str(path) != STDIN:
        return is_readable_once(path)
    try:
        return not stat.S_ISREG(os.fstat(0).st_mode)
    except OSError:
        return True


def grouped(items: Iterator[Item], *, as_they_come: bool, size: int = GROUP) -> Iterator[list[Item]]:
    """Yield the items in groups of at most `size`; as_they_come: without waiting for more than the first item."""
    if as_they_come:
        yield from _grouped_as_they_come(items, size)
        return
    while group := list(islice(items, size)):
        yield group


def _grouped_as_they_come(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Read the items in a thread, and yield all that it has read since the last group."""
    arrived: queue.Queue[tuple[Item | None, BaseException | None, bool]] = queue.Queue(maxsize=4 * size)

    def read() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                arrived.put((item, None, False))
        except BaseException as problem:
            error = problem
        arrived.put((None, error, True))

    threading.Thread(target=read, daemon=True).start()
    while True:
        group: list[Item] = []
        entry = arrived.get()
        while not entry[2]:
            group.append(entry[0])  # type: ignore[arg-type]
            if len(group) == size or arrived.empty():
                break
            entry = arrived.get()
        if group:
            yield group
        if entry[2]:
            if entry[1] is not None:
                raise entry[1]
            return


def _numbered_lines(path: str, encoding: str | None, notify: Notify) -> tuple[TextSource, Iterator[NumberedLine]]:
    """Return a file and its lines."""
    source = TextSource(path, encoding=encoding, notify=notify, in_pieces=arrives_in_pieces(path))
    return source, ((number, text, error) for number, (text, error) in enumerate(source.lines(), 1))


def _kind(sample: Sequence[NumberedLine], column: InputColumn, form: Format, name: str) -> Kind:
    if form in ("lines", "jsonl"):
        return "lines" if form == "lines" else "jsonl"
    first = next((text for _, text, _ in sample if text.strip()), "")
    if form == "auto" and _has_key(first, column.name):
        return "jsonl"
    if form in _SEPARATORS_OF or _suffix(name) in TABLE_SUFFIXES:
        return "table"
    readable = [(f"{name}:{number}", text) for number, text, error in sample if error is None]
    rows = read_table(readable, names=(column.name,)).peek(1) if first else []
    return "table" if rows and len(rows[0].cells) > 1 and column.name in map(str.strip, rows[0].cells) else "lines"


def _suffix(name: str) -> str:
    return Path(name.removesuffix(".gz")).suffix.lower()


def _has_key(line: str, key: str) -> bool:
    """Return whether a line is a JSON object with a key."""
    if not line.lstrip().startswith("{"):
        return False
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and key in value


def _of_object(line: NumberedLine, column: InputColumn) -> Input:
    number, text, error = line
    if error is not None:
        return Input(number, "", error)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return Input(number, "", f"not JSON ({problem})")
    if not isinstance(value, dict):
        return Input(number, "", f"{shorten(text.strip())}; expected a JSON object")
    if not isinstance(value.get(column.name), str):
        given = f"no key {column.name!r}"
        if column.name in value:
            given = f"the value of {column.name!r} is {shorten_json(value[column.name])}"
        return Input(number, "", f"{given}; expected text. {column.flag} names another key", value=value)
    return Input(number, value[column.name].strip(), value=value)


def _take_header(table: Table, column: InputColumn) -> int:
    """Take the header, if the table has one, and return the index of the column."""
    first = next((row for row in table.peek(SAMPLE_LINES) if not row.is_blank), None)
    if first is None:
        return 0
    header = [cell.strip() for cell in first.cells]
    if column.name in header:
        table.take_header()
        return header.index(column.name)
    if column.columns and len(header) == len(column.columns):
        return column.columns.index(column.name)
    if column.index is not None and (column.index < len(header) or len(header) == 1):
        return min(column.index, len(header) - 1)
    names = list_names([repr(shorten(name)) for name in header], 6)
    hint = f"Name the column of the inputs with {column.flag}, or read each line as one input with --format lines"
    raise DataError(f"the header has the columns {names}; expected {column.name!r}", hint=hint, where=first.where)


def _of_row(row: Row, index: int) -> Input:
    number = int(row.where.rpartition(":")[2])
    if len(row.cells) <= index:
        return Input(number, "", f"has {describe_width(row.cells)}; expected at least {index + 1}", row)
    return Input(number, row.cells[index].strip(), row=row)


def _strict(lines: Iterator[NumberedLine], source: TextSource) -> Iterator[Line]:
    """Yield the lines of a table with their places; one that cannot be read is a DataError."""
    for number, text, error in lines:
        if error is not None:
            raise DataError(error, hint=source.hint, where=f"{source.name}:{number}")
        yield f"{source.name}:{number}", text

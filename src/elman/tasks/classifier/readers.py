"""Readers of labelled texts: files, folders and Python objects to pairs of a text and its label.

    tsv, csv   a table (data/readers/tables.py) whose header names the columns of text and label; without a header,
               --columns names them
    jsonl      {"text": "...", "label": "..."} on each line, or an array of such objects
    fasttext   `__label__LABEL TEXT` on each line
    folder     see folders.py

The first line that is not blank decides the format `auto`: `{` or `[` means jsonl, `__label__` means fasttext,
anything else is a table. A table of two columns has no header if the first cell of one column occurs again below, as a
label does and the name of a column does not, and that column repeats its values. Spaces around a text or a label are
removed. Blank lines are skipped.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from elman.data.layout import Layout
from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import shorten, shorten_json
from elman.data.readers.jsonl import read_json
from elman.data.readers.tables import SEPARATORS, Row, Table, describe_width, first_row_hint, read_table
from elman.data.readers.text import (
    IN_MEMORY,
    Line,
    Source,
    SourceRecord,
    numbered_lines,
    replace_surrogates,
    strip_text,
)
from elman.data.sources import ExampleSource, FileExamples, SourceArgument, open_text, unsupported_source
from elman.errors import DataError

from .config import ClassifierReaderConfig as ReaderConfig
from .folders import ClassFolder

FASTTEXT_PREFIX = "__label__"
FIRST_ROWS = 1000  # which show whether a table has a header
MAX_LABEL_SHARE = 0.5  # different values of a column of labels, by rows
DEFAULT_NAMES = ("text", "label")
TABLE = "table"  # with any separator
_SEPARATORS_OF = {"tsv": "\t", "csv": ";,"}


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its label. `where` is its place: file:line, or item N; `weight` is that of its loss in training."""

    text: str
    label: str
    where: str = field(default="", compare=False)
    weight: float = 1.0


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[LabelledText]:
    """Return the labelled texts of a path, or of pairs in memory."""
    if isinstance(source, MemoryTexts):
        return source
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a file, a folder, or texts with their labels")
    if Path(source).is_dir():
        return FolderTexts(ClassFolder(Path(source), encoding=reader.encoding, notify=notify))
    parse = partial(read_texts, reader=reader, notify=notify)
    return FileExamples(open_text(source, reader.encoding, notify), parse, partial(layout_of, reader=reader))


@dataclass(frozen=True, slots=True)
class MemoryTexts:
    """Texts and labels that a Python caller holds, as pairs, and their weights, which are 1 without them."""

    items: Sequence[tuple[str, str]]
    name: str = IN_MEMORY
    weights: Sequence[float] | None = None

    @property
    def record(self) -> SourceRecord:
        weights = [] if self.weights is None else [json.dumps(list(self.weights)) + "\n"]
        lines = (json.dumps([example.text, example.label]) + "\n" for example in self.examples())
        content = "".join(chain(lines, weights)).encode()
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def check(self) -> None:
        """Leave the check to `examples`."""

    def examples(self) -> Iterator[LabelledText]:
        """Yield the pairs; an item that is not a text with a label is a DataError."""
        item: Any  # a caller may have ignored the types
        for number, item in enumerate(self.items):
            is_pair = isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str)
            label = label_text(item[1]) if is_pair else None
            if label is None:
                problem = f"item {number} is {shorten(repr(item))}; expected a text and its label"
                raise DataError(problem, hint="A text is a str, a label a str or a number; leave out missing values")
            if label != replace_surrogates(label):
                problem = f"item {number} has the label {label!r}; expected characters of Unicode"
                raise DataError(problem, hint="Decode the bytes that it was made of in their own encoding")
            example = _labelled(item[0], label, f"item {number}")
            yield example if self.weights is None else replace(example, weight=self.weights[number])


@dataclass(frozen=True, slots=True)
class FolderTexts:
    """The labelled texts of a folder."""

    folder: ClassFolder

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def record(self) -> SourceRecord:
        return self.folder.record

    @property
    def layout(self) -> Layout:
        """Texts without labels."""
        return Layout(format="folder")

    def check(self) -> None:
        """Check the beginnings of all files."""
        self.folder.check()

    def examples(self) -> Iterator[LabelledText]:
        """Yield the texts of all files."""
        for label, (where, text) in self.folder.texts():
            yield _labelled(text, label, where)


def label_text(label: Any) -> str | None:
    """Return a text or a number, of Python or NumPy, as a label; None for others and for missing values.

    Equal numbers are one label: 1.0 is `1`, too.
    """
    plain = label.item() if hasattr(label, "item") else label
    is_missing = isinstance(plain, float) and math.isnan(plain)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return str(plain).strip() if isinstance(plain, str | int | float) and not is_missing else None


def read_texts(source: Source, reader: ReaderConfig, notify: Notify) -> Iterator[LabelledText]:
    """Yield the labelled texts of a file; a malformed line is a DataError."""
    return _READERS[reader.format](numbered_lines(source), reader, notify)


def layout_of(lines: Sequence[Line], reader: ReaderConfig) -> Layout:
    """Return the layout of a file that begins with these lines."""
    name = (
        _format_of(next((line for _, line in lines if line.strip()), "")) if reader.format == "auto" else reader.format
    )
    if name in ("jsonl", "fasttext"):
        return Layout(format=name)
    separators = _SEPARATORS_OF.get(name, SEPARATORS)
    rows = [row for row in read_table(lines, separators=separators).peek(FIRST_ROWS) if not row.is_blank]
    return Layout(format=TABLE, columns=reader.columns or _columns_without_header(rows, reader))


def is_fasttext(line: str) -> bool:
    """Return whether the first line of a file is one of fastText."""
    return line.lstrip().startswith(FASTTEXT_PREFIX)


def split_fasttext(line: str) -> tuple[list[str], str]:
    """Return the labels in a line of fastText, and the text without them."""
    words = line.split()
    labels = [word for word in words if word.startswith(FASTTEXT_PREFIX)]
    text = line
    for label in labels:
        before, after = text.split(label, 1)
        text = f"{before.strip()} {after.strip()}"
    return labels, text.strip()


def _by_first_line(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[LabelledText]:
    for where, line in lines:
        if line.strip():
            yield from _READERS[_format_of(line)](chain([(where, line)], lines), reader, notify)


def _format_of(first: str) -> str:
    """Return the format of a file from its first line that is not blank."""
    return "jsonl" if first.lstrip()[:1] in ("{", "[") else "fasttext" if is_fasttext(first) else TABLE


def _table(
    lines: Iterator[Line], reader: ReaderConfig, notify: Notify, separators: str = SEPARATORS
) -> Iterator[LabelledText]:
    names = () if reader.columns else (reader.text_column, reader.label_column)
    table = read_table(lines, separators=separators, names=names)
    indices, width = _column_indices(table, reader, notify)
    for row in table.rows(width):
        if row.is_blank:
            continue
        if len(row.cells) <= max(indices):
            hint = f"Separate the cells by {table.dialect.separator_name}, as in the lines before"
            problem = f"has {describe_width(row.cells)}; expected at least {max(indices) + 1}"
            raise DataError(problem, hint=hint, where=row.where)
        yield _labelled(row.cells[indices[0]], row.cells[indices[1]], row.where)


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
    order = _columns_without_header(rows, reader)
    if not order:
        flag = "--text" if missing == reader.text_column else "--label"
        hint = f"Name another column with {flag}; a table without a header needs --no-header --columns label,text"
        problem = f"the header has the columns {_listed(header)}; expected {missing!r}"
        raise DataError(problem, hint=first_row_hint(rows) or hint, where=where)
    notify(
        f"{where}: no header; reading the columns as {','.join(order)}. Use --header if this line names the columns."
    )
    return _indices_of(names, order), 2


def _indices_of(names: tuple[str, str], header: Sequence[str]) -> tuple[int, int]:
    return list(header).index(names[0]), list(header).index(names[1])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(shorten(name)) for name in names[:6])


def _columns_without_header(rows: Sequence[Row], reader: ReaderConfig) -> tuple[str, ...]:
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


def _objects(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[LabelledText]:
    text_key, label_key = reader.text_column, reader.label_column
    hint = f'Write objects {{"{text_key}": ..., "{label_key}": ...}}, or name other keys with --text and --label'
    for where, value in read_json(lines, (text_key, label_key), hint):
        text, label = value[text_key], value[label_key]
        if not isinstance(text, str):
            raise DataError(f'"{text_key}" is {shorten_json(text)}; expected text', hint=hint, where=where)
        if not isinstance(label, str | int | float) or label_text(label) is None:
            raise DataError(f'"{label_key}" is {shorten_json(label)}; expected text', hint=hint, where=where)
        yield _labelled(text, label if isinstance(label, str) else json.dumps(label), where)


def _fasttext(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[LabelledText]:
    for where, line in lines:
        if not line.strip():
            continue
        labels, text = split_fasttext(line)
        if len(labels) != 1:
            counted = "no label" if not labels else f"{len(labels)} labels"
            hint = "A classifier gives each text one label: keep one of them, or leave the line out"
            raise DataError(f"has {counted}; expected one `{FASTTEXT_PREFIX}LABEL`", hint=hint, where=where)
        yield _labelled(text, labels[0].removeprefix(FASTTEXT_PREFIX), where)


_READERS: dict[str, Callable[[Iterator[Line], ReaderConfig, Notify], Iterator[LabelledText]]] = {
    "auto": _by_first_line,
    TABLE: _table,
    **{name: partial(_table, separators=separators) for name, separators in _SEPARATORS_OF.items()},
    "jsonl": _objects,
    "fasttext": _fasttext,
}


def _labelled(text: str, label: str, where: str) -> LabelledText:
    text, label = strip_text(text), strip_text(label)
    for noun, value in (("text", text), ("label", label)):
        if not value:
            raise DataError(f"empty {noun}; expected some text", hint="Fill it in, or remove the line", where=where)
    if len(label.splitlines()) > 1 or "\t" in label:
        raise DataError(f"the label is {shorten(label)!r}; expected one line without tabs", where=where)
    return LabelledText(text, label, where)

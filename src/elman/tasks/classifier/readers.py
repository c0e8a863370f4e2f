"""Labelled texts: readers of a text and its label, what a classifier learns from.

    tsv, csv   a table whose header names the columns of text and label; without a header, the columns are named for it
    jsonl      {"text": "...", "label": "..."} a line
    folder     one file a class, one text a line; the label is the file's name without its suffix

The format is told by the first line that is not blank: a JSON object makes it jsonl, a tab tsv, anything else csv.
There are no quotes and no escapes in tsv; csv is RFC 4180's, so a quoted cell may hold commas, quotes and line ends.
Spaces around a text or a label are no part of it. Blank lines are skipped.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from elman.data.encodings import Notify
from elman.data.readers import IN_MEMORY, Line, Source, SourceRecord, TextSource, numbered_lines
from elman.data.records import csv_rows, objects, shown, shown_json, stripped
from elman.errors import DataError

Format = Literal["auto", "tsv", "csv", "jsonl"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and its label. `where` is its place: file:line, or item N."""

    text: str
    label: str
    where: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Where text and label stand: their names in the header and in objects, or all columns' names without a header."""

    text: str = "text"
    label: str = "label"
    names: tuple[str, ...] | None = None  # of a table without a header


@dataclass(frozen=True, slots=True)
class MemoryLabelled:
    """Texts and labels that a Python caller holds, as pairs."""

    items: Sequence[tuple[str, str]]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        content = "".join(json.dumps([each.text, each.label]) + "\n" for each in self.labelled()).encode()
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def labelled(self) -> Iterator[Labelled]:
        """Yield them; what is no text with a label is a DataError."""
        for number, item in enumerate(self.items):
            given: Any = item  # a caller need not have read the types
            is_pair = isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], str)
            label = label_text(given[1]) if is_pair else None
            if label is None:
                what = f"item {number} is {shown(repr(given))}, expected a text and its label"
                raise DataError(what, hint="a text is a str, a label a str or a number; leave out what is missing")
            yield _labelled(given[0], label, f"item {number}")


class ClassFolder:
    """A folder with one file a class."""

    def __init__(self, path: Path, *, encoding: str | None = None, notify: Notify = lambda message: None) -> None:
        self.name = str(path)
        entries = sorted(each for each in path.iterdir() if not each.name.startswith("."))
        files = [each for each in entries if each.is_file()]
        if len(files) < len(entries):
            folder = next(each.name for each in entries if not each.is_file())
            hint = "one file a class, a text a line"
            raise DataError(f"holds the folder {folder!r}, expected files alone", hint=hint, where=self.name)
        if len({label_of(each) for each in files}) < len(files):
            hint = "one file a class, named after it"
            raise DataError("holds several files of one class", hint=hint, where=self.name)
        self._sources = [(label_of(each), TextSource(each, encoding=encoding, notify=notify)) for each in files]

    @property
    def record(self) -> SourceRecord:
        """What was read so far; the hash is of the files' own."""
        records = [(label, source.record) for label, source in self._sources]
        digest = hashlib.sha256("".join(f"{label}\t{record.sha256}\n" for label, record in records).encode())
        return SourceRecord(self.name, sum(record.bytes for _, record in records), digest.hexdigest())

    def check(self) -> None:
        """Look at the beginnings of all files."""
        if not self._sources:
            raise DataError("is an empty folder", hint="expected one file a class, a text a line", where=self.name)
        for _, source in self._sources:
            source.check()

    def labelled(self) -> Iterator[Labelled]:
        """Yield the lines of all files."""
        for label, source in self._sources:
            for where, line in numbered_lines(source):
                if line.strip():
                    yield _labelled(line, label, where)


def read_any(
    path: str | Path,
    *,
    columns: Columns | None = None,
    format: Format = "auto",  # noqa: A002 - as the flag is called
    encoding: str | None = None,
    notify: Notify = lambda message: None,
) -> Iterator[Labelled]:
    """Yield the labelled texts of a file, or of a folder with one file a class."""
    if Path(path).is_dir():
        return ClassFolder(Path(path), encoding=encoding, notify=notify).labelled()
    return read_labelled(TextSource(path, encoding=encoding, notify=notify), columns=columns, format=format)


def label_text(label: Any) -> str | None:
    """Return a label as text: of a text or a number (NumPy's too); None of anything else, such as what is missing."""
    plain = label.item() if hasattr(label, "item") else label
    missing = isinstance(plain, float) and math.isnan(plain)
    return str(plain).strip() if isinstance(plain, str | int | float) and not missing else None


def label_of(path: Path) -> str:
    """The label that a file's name gives: without .gz, and without its suffix."""
    return Path(path.name.removesuffix(".gz")).stem


def read_labelled(source: Source, *, columns: Columns | None = None, format: Format = "auto") -> Iterator[Labelled]:  # noqa: A002
    """Yield the labelled texts of a file; a malformed line is a DataError."""
    return _READERS[format](numbered_lines(source), columns or Columns())


def _told_by_content(lines: Iterator[Line], columns: Columns) -> Iterator[Labelled]:
    for where, line in lines:
        if line.strip():
            read = _objects if line.lstrip().startswith("{") else _tsv if "\t" in line else _csv
            yield from read(chain([(where, line)], lines), columns)


def _tsv(lines: Iterator[Line], columns: Columns) -> Iterator[Labelled]:
    return _table(((where, line.split("\t")) for where, line in lines), columns, "a tab")


def _csv(lines: Iterator[Line], columns: Columns) -> Iterator[Labelled]:
    return _table(csv_rows(lines), columns, "a comma")


def _table(rows: Iterator[tuple[str, list[str]]], columns: Columns, separator: str) -> Iterator[Labelled]:
    names = columns.names
    places: tuple[int, int] | None = None
    for where, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if places is None:
            header = names or tuple(cell.strip() for cell in row)
            places = _places(header, columns, where, named=names is not None)
            if names is None:
                continue
        if len(row) <= max(places):
            has = "one column" if len(row) == 1 else f"{len(row)} columns"
            hint = f"are its cells separated by {separator}, as in the lines before?"
            raise DataError(f"has {has}, expected at least {max(places) + 1}", hint=hint, where=where)
        yield _labelled(row[places[0]], row[places[1]], where)


def _places(header: Sequence[str], columns: Columns, where: str, *, named: bool) -> tuple[int, int]:
    """The places of text and label in a row."""
    found = []
    for flag, name in (("--text", columns.text), ("--label", columns.label)):
        if name not in header:
            told = ", ".join(repr(shown(each)) for each in header[:6])
            if named:
                raise DataError(f"--columns names no {name!r}, given {told}", hint="--columns label,text", where=where)
            hint = f"{flag} names another column; a table without a header needs --no-header --columns label,text"
            if header[0].startswith("["):
                hint = "is it a JSON array? expected an object a line"
            elif len(header) == 1 and ";" in header[0]:
                hint = "are its cells separated by semicolons? expected commas or tabs"
            raise DataError(f"has no column {name!r} in its header, given {told}", hint=hint, where=where)
        found.append(list(header).index(name))
    return found[0], found[1]


def _objects(lines: Iterable[Line], columns: Columns) -> Iterator[Labelled]:
    expected = f'expected {{"{columns.text}": ..., "{columns.label}": ...}}'
    for where, value in objects(lines, (columns.text, columns.label), expected):
        text, label = value[columns.text], value[columns.label]
        if not isinstance(text, str):
            raise DataError(f'"{columns.text}" is {shown_json(text)}, expected text', hint=expected, where=where)
        if not isinstance(label, str | int | float) or label_text(label) is None:
            raise DataError(f'"{columns.label}" is {shown_json(label)}, expected text', hint=expected, where=where)
        yield _labelled(text, label if isinstance(label, str) else json.dumps(label), where)


_READERS: dict[Format, Callable[[Iterator[Line], Columns], Iterator[Labelled]]] = {
    "auto": _told_by_content,
    "tsv": _tsv,
    "csv": _csv,
    "jsonl": _objects,
}


def _labelled(text: str, label: str, where: str) -> Labelled:
    text, label = stripped(text), stripped(label)
    for noun, value in (("text", text), ("label", label)):
        if not value:
            raise DataError(f"has an empty {noun}", hint="fill it in, or leave the line out", where=where)
    if len(label.splitlines()) > 1 or "\t" in label:
        raise DataError(f"has the label {shown(label)!r}, expected no tab and one line", where=where)
    return Labelled(text, label, where)

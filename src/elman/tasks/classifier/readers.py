"""Readers of labelled texts: files, folders and Python read_objects to pairs of a text and its label.

    tsv, csv   a table whose header names the columns of text and label; without a header, --columns names them
    jsonl      {"text": "...", "label": "..."} on each line
    folder     one file for each class, one text on each line; the label is the file name without its suffix

The first line that is not blank decides the format `auto`: a JSON object means jsonl, a tab means tsv, anything else
csv. TSV has no quotes and no escapes; CSV follows RFC 4180, so a quoted cell may hold commas, quotes and line ends.
Spaces around a text or a label are removed. Blank lines are skipped.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import shorten, shorten_json
from elman.data.readers.jsonl import read_objects
from elman.data.readers.tables import read_csv_rows
from elman.data.readers.text import IN_MEMORY, Line, Source, SourceRecord, TextSource, numbered_lines, strip_text
from elman.data.sources import ExampleSource, FileExamples, SourceArgument, open_text, unsupported_source
from elman.errors import DataError

from .config import ClassifierReaderConfig as ReaderConfig


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its label. `where` is its place: file:line, or item N."""

    text: str
    label: str
    where: str = field(default="", compare=False)


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[LabelledText]:
    """Return the labelled texts of a path, or of pairs in memory."""
    if isinstance(source, MemoryTexts):
        return source
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a file, a folder, or texts with their labels")
    if Path(source).is_dir():
        return ClassFolder(Path(source), encoding=reader.encoding, notify=notify)
    return FileExamples(open_text(source, reader.encoding, notify), partial(read_texts, reader=reader))


@dataclass(frozen=True, slots=True)
class MemoryTexts:
    """Texts and labels that a Python caller holds, as pairs."""

    items: Sequence[tuple[str, str]]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        content = "".join(json.dumps([each.text, each.label]) + "\n" for each in self.examples()).encode()
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
                what = f"item {number} is {shorten(repr(item))}, expected a text and its label"
                raise DataError(what, hint="A text is a str, a label a str or a number; leave out missing values")
            yield _labelled(item[0], label, f"item {number}")


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

    def examples(self) -> Iterator[LabelledText]:
        """Yield the lines of all files."""
        for label, source in self._sources:
            for where, line in numbered_lines(source):
                if line.strip():
                    yield _labelled(line, label, where)


def label_text(label: Any) -> str | None:
    """Return a label as text: of a text or a number (NumPy's too); None of anything else, such as what is missing."""
    plain = label.item() if hasattr(label, "item") else label
    missing = isinstance(plain, float) and math.isnan(plain)
    return str(plain).strip() if isinstance(plain, str | int | float) and not missing else None


def label_of(path: Path) -> str:
    """The label that a file's name gives: without .gz, and without its suffix."""
    return Path(path.name.removesuffix(".gz")).stem


def read_texts(source: Source, reader: ReaderConfig) -> Iterator[LabelledText]:
    """Yield the labelled texts of a file; a malformed line is a DataError."""
    return _READERS[reader.format](numbered_lines(source), reader)


def _by_first_line(lines: Iterator[Line], reader: ReaderConfig) -> Iterator[LabelledText]:
    for where, line in lines:
        if line.strip():
            read = _objects if line.lstrip().startswith("{") else _tsv if "\t" in line else _csv
            yield from read(chain([(where, line)], lines), reader)


def _tsv(lines: Iterator[Line], reader: ReaderConfig) -> Iterator[LabelledText]:
    return _table(((where, line.split("\t")) for where, line in lines), reader, "a tab")


def _csv(lines: Iterator[Line], reader: ReaderConfig) -> Iterator[LabelledText]:
    return _table(read_csv_rows(lines), reader, "a comma")


def _table(rows: Iterator[tuple[str, list[str]]], reader: ReaderConfig, separator: str) -> Iterator[LabelledText]:
    names = reader.columns
    places: tuple[int, int] | None = None
    for where, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if places is None:
            header = names or tuple(cell.strip() for cell in row)
            places = _places(header, reader, where, named=names is not None)
            if names is None:
                continue
        if len(row) <= max(places):
            has = "one column" if len(row) == 1 else f"{len(row)} columns"
            hint = f"are its cells separated by {separator}, as in the lines before?"
            raise DataError(f"has {has}, expected at least {max(places) + 1}", hint=hint, where=where)
        yield _labelled(row[places[0]], row[places[1]], where)


def _places(header: Sequence[str], reader: ReaderConfig, where: str, *, named: bool) -> tuple[int, int]:
    """Return the places of text and label in a row."""
    places = []
    for flag, name in (("--text", reader.text_column), ("--label", reader.label_column)):
        if name not in header:
            names = ", ".join(repr(shorten(cell)) for cell in header[:6])
            if named:
                raise DataError(f"--columns names no {name!r}, given {names}", hint="--columns label,text", where=where)
            hint = f"{flag} names another column; a table without a header needs --no-header --columns label,text"
            if header[0].startswith("["):
                hint = "is it a JSON array? expected an object a line"
            elif len(header) == 1 and ";" in header[0]:
                hint = "are its cells separated by semicolons? expected commas or tabs"
            raise DataError(f"has no column {name!r} in its header, given {names}", hint=hint, where=where)
        places.append(list(header).index(name))
    return places[0], places[1]


def _objects(lines: Iterable[Line], reader: ReaderConfig) -> Iterator[LabelledText]:
    text_key, label_key = reader.text_column, reader.label_column
    expected = f'expected {{"{text_key}": ..., "{label_key}": ...}}'
    for where, value in read_objects(lines, (text_key, label_key), expected):
        text, label = value[text_key], value[label_key]
        if not isinstance(text, str):
            raise DataError(f'"{text_key}" is {shorten_json(text)}, expected text', hint=expected, where=where)
        if not isinstance(label, str | int | float) or label_text(label) is None:
            raise DataError(f'"{label_key}" is {shorten_json(label)}, expected text', hint=expected, where=where)
        yield _labelled(text, label if isinstance(label, str) else json.dumps(label), where)


_READERS: dict[str, Callable[[Iterator[Line], ReaderConfig], Iterator[LabelledText]]] = {
    "auto": _by_first_line,
    "tsv": _tsv,
    "csv": _csv,
    "jsonl": _objects,
}


def _labelled(text: str, label: str, where: str) -> LabelledText:
    text, label = strip_text(text), strip_text(label)
    for noun, value in (("text", text), ("label", label)):
        if not value:
            raise DataError(f"has an empty {noun}", hint="fill it in, or leave the line out", where=where)
    if len(label.splitlines()) > 1 or "\t" in label:
        raise DataError(f"has the label {shorten(label)!r}, expected no tab and one line", where=where)
    return LabelledText(text, label, where)

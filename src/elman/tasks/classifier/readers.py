"""Readers of labelled texts: files, folders and Python objects to pairs of a text and its label.

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
from dataclasses import dataclass, field, replace
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

FOLDER_HINT = "Put one file for each class into it, with one text on each line"


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
        return ClassFolder(Path(source), encoding=reader.encoding, notify=notify)
    return FileExamples(open_text(source, reader.encoding, notify), partial(read_texts, reader=reader))


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
            example = _labelled(item[0], label, f"item {number}")
            yield example if self.weights is None else replace(example, weight=self.weights[number])


class ClassFolder:
    """A folder with one file for each class."""

    def __init__(self, path: Path, *, encoding: str | None = None, notify: Notify = lambda message: None) -> None:
        self.name = str(path)
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        files = [entry for entry in entries if entry.is_file()]
        if len(files) < len(entries):
            folder = next(entry.name for entry in entries if not entry.is_file())
            problem = f"the folder contains another folder, {folder!r}; expected files only"
            raise DataError(problem, hint=FOLDER_HINT, where=self.name)
        if len({label_of(file) for file in files}) < len(files):
            problem = "the folder contains several files of one class; expected one"
            raise DataError(problem, hint="Name each file after its class", where=self.name)
        self._sources = [(label_of(file), TextSource(file, encoding=encoding, notify=notify)) for file in files]

    @property
    def record(self) -> SourceRecord:
        """The name and size of what was read so far, and a hash of the hashes of all files."""
        records = [(label, source.record) for label, source in self._sources]
        digest = hashlib.sha256("".join(f"{label}\t{record.sha256}\n" for label, record in records).encode())
        return SourceRecord(self.name, sum(record.bytes for _, record in records), digest.hexdigest())

    def check(self) -> None:
        """Check the beginnings of all files."""
        if not self._sources:
            raise DataError("the folder is empty; expected files", hint=FOLDER_HINT, where=self.name)
        for _, source in self._sources:
            source.check()

    def examples(self) -> Iterator[LabelledText]:
        """Yield the lines of all files."""
        for label, source in self._sources:
            for where, line in numbered_lines(source):
                if line.strip():
                    yield _labelled(line, label, where)


def label_text(label: Any) -> str | None:
    """Return a text or a number, of Python or NumPy, as a label; None for others and for missing values."""
    plain = label.item() if hasattr(label, "item") else label
    is_missing = isinstance(plain, float) and math.isnan(plain)
    return str(plain).strip() if isinstance(plain, str | int | float) and not is_missing else None


def label_of(path: Path) -> str:
    """Return the label of a file: its name without .gz and without its suffix."""
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
    indices: tuple[int, int] | None = None
    for where, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if indices is None:
            header = names or tuple(cell.strip() for cell in row)
            indices = _column_indices(header, reader, where, named=names is not None)
            if names is None:
                continue
        if len(row) <= max(indices):
            count = "one column" if len(row) == 1 else f"{len(row)} columns"
            hint = f"Separate the cells by {separator}, as in the lines before"
            raise DataError(f"{count}; expected at least {max(indices) + 1}", hint=hint, where=where)
        yield _labelled(row[indices[0]], row[indices[1]], where)


def _column_indices(header: Sequence[str], reader: ReaderConfig, where: str, *, named: bool) -> tuple[int, int]:
    """Return the indices of text and label in a row."""
    indices = []
    for flag, name in (("--text", reader.text_column), ("--label", reader.label_column)):
        if name not in header:
            names = ", ".join(repr(shorten(cell)) for cell in header[:6])
            if named:
                problem = f"--columns names the columns {names}; expected {name!r} among them"
                raise DataError(problem, hint="For example --columns label,text", where=where)
            hint = f"Name another column with {flag}; a table without a header needs --no-header --columns label,text"
            if header[0].startswith("["):
                hint = "Write one JSON object on each line instead of an array"
            elif len(header) == 1 and ";" in header[0]:
                hint = "Separate the cells by commas or tabs instead of semicolons"
            raise DataError(f"the header has the columns {names}; expected {name!r}", hint=hint, where=where)
        indices.append(list(header).index(name))
    return indices[0], indices[1]


def _objects(lines: Iterable[Line], reader: ReaderConfig) -> Iterator[LabelledText]:
    text_key, label_key = reader.text_column, reader.label_column
    hint = f'Write an object on each line: {{"{text_key}": ..., "{label_key}": ...}}'
    for where, value in read_objects(lines, (text_key, label_key), hint):
        text, label = value[text_key], value[label_key]
        if not isinstance(text, str):
            raise DataError(f'"{text_key}" is {shorten_json(text)}; expected text', hint=hint, where=where)
        if not isinstance(label, str | int | float) or label_text(label) is None:
            raise DataError(f'"{label_key}" is {shorten_json(label)}; expected text', hint=hint, where=where)
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
            raise DataError(f"empty {noun}; expected some text", hint="Fill it in, or remove the line", where=where)
    if len(label.splitlines()) > 1 or "\t" in label:
        raise DataError(f"the label is {shorten(label)!r}; expected one line without tabs", where=where)
    return LabelledText(text, label, where)

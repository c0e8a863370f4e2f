"""Readers of labelled texts: files, folders and Python objects to pairs of a text and its label.

    tsv, csv   a table (tables.py) whose header names the columns of text and label; without a header,
               --columns names them
    jsonl      {"text": "...", "label": "..."} on each line, or an array of such objects
    fasttext   `__label__LABEL TEXT` on each line
    folder     see folders.py

The first line that is not blank decides the format `auto`: `{` or `[` means jsonl, `__label__` means fasttext,
anything else is a table. Spaces around a text or a label are removed. Blank lines are skipped.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from elman.data.layout import Layout
from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import shorten, shorten_json
from elman.data.readers.jsonl import read_labelled_json
from elman.data.readers.tables import SEPARATORS, read_table
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
from .tables import FIRST_ROWS, columns_without_header, read_labelled_rows

FASTTEXT_PREFIX = "__label__"
TABLE = "table"  # with any separator
_SEPARATORS_OF = {"tsv": "\t", "csv": ";,"}


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its label. `where` is its place: file:line, or item N; `weight` is that of its loss in training.

    other_columns are those of its row in a table, or the other keys of its object, if asked for.
    """

    text: str
    label: str
    where: str = field(default="", compare=False)
    weight: float = 1.0
    other_columns: Mapping[str, Any] | None = field(default=None, compare=False)


def open_source(
    source: SourceArgument, reader: ReaderConfig, notify: Notify, *, with_other_columns: bool = False
) -> ExampleSource[LabelledText]:
    """Return the labelled texts of a path, or of pairs in memory."""
    if isinstance(source, MemoryTexts):
        return source
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a file, a folder, or texts with their labels")
    if Path(source).is_dir():
        return FolderTexts(ClassFolder(Path(source), encoding=reader.encoding, notify=notify))
    parse = partial(read_texts, reader=reader, notify=notify, with_other_columns=with_other_columns)
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


def read_texts(
    source: Source, reader: ReaderConfig, notify: Notify, *, with_other_columns: bool = False
) -> Iterator[LabelledText]:
    """Yield the labelled texts of a file; a malformed line is a DataError."""
    return _READERS[reader.format](numbered_lines(source), reader, notify, with_other_columns)


def layout_of(lines: Sequence[Line], reader: ReaderConfig) -> Layout:
    """Return the layout of a file that begins with these lines."""
    name = (
        _format_of(next((line for _, line in lines if line.strip()), "")) if reader.format == "auto" else reader.format
    )
    if name in ("jsonl", "fasttext"):
        return Layout(format=name)
    separators = _SEPARATORS_OF.get(name, SEPARATORS)
    rows = [row for row in read_table(lines, separators=separators).peek(FIRST_ROWS) if not row.is_blank]
    return Layout(format=TABLE, columns=reader.columns or columns_without_header(rows, reader))


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


def _by_first_line(
    lines: Iterator[Line], reader: ReaderConfig, notify: Notify, with_other_columns: bool
) -> Iterator[LabelledText]:
    for where, line in lines:
        if line.strip():
            read = _READERS[_format_of(line)]
            yield from read(chain([(where, line)], lines), reader, notify, with_other_columns)


def _format_of(first: str) -> str:
    """Return the format of a file from its first line that is not blank."""
    return "jsonl" if first.lstrip()[:1] in ("{", "[") else "fasttext" if is_fasttext(first) else TABLE


def _table(
    lines: Iterator[Line],
    reader: ReaderConfig,
    notify: Notify,
    with_other_columns: bool,
    separators: str = SEPARATORS,
) -> Iterator[LabelledText]:
    for row in read_labelled_rows(lines, reader, notify, separators, with_other_columns=with_other_columns):
        yield _labelled(*row)


def _objects(
    lines: Iterator[Line], reader: ReaderConfig, notify: Notify, with_other_columns: bool
) -> Iterator[LabelledText]:
    text_key, label_key = reader.text_column, reader.label_column
    hint = f'Write objects {{"{text_key}": ..., "{label_key}": ...}}, or name other keys with --text and --label'
    for where, value in read_labelled_json(lines, (text_key, label_key), hint, "labels"):
        text, label = value[text_key], value[label_key]
        if not isinstance(text, str):
            raise DataError(f'"{text_key}" is {shorten_json(text)}; expected text', hint=hint, where=where)
        if not isinstance(label, str | int | float) or label_text(label) is None:
            problem = f'"{label_key}" is {shorten_json(label)}; expected text'
            raise DataError(problem, hint=hint, where=where, missing="labels" if label is None else None)
        others = {key: value[key] for key in value if key not in (text_key, label_key)} if with_other_columns else None
        yield _labelled(text, label if isinstance(label, str) else json.dumps(label), where, others)


def _fasttext(
    lines: Iterator[Line], reader: ReaderConfig, notify: Notify, with_other_columns: bool
) -> Iterator[LabelledText]:
    for where, line in lines:
        if not line.strip():
            continue
        labels, text = split_fasttext(line)
        if len(labels) != 1:
            counted = "no label" if not labels else f"{len(labels)} labels"
            hint = "A classifier gives each text one label: keep one of them, or leave the line out"
            problem = f"has {counted}; expected one `{FASTTEXT_PREFIX}LABEL`"
            raise DataError(problem, hint=hint, where=where, missing=None if labels else "labels")
        yield _labelled(text, labels[0].removeprefix(FASTTEXT_PREFIX), where)


_READERS: dict[str, Callable[[Iterator[Line], ReaderConfig, Notify, bool], Iterator[LabelledText]]] = {
    "auto": _by_first_line,
    TABLE: _table,
    **{name: partial(_table, separators=separators) for name, separators in _SEPARATORS_OF.items()},
    "jsonl": _objects,
    "fasttext": _fasttext,
}


def _labelled(text: str, label: str, where: str, other_columns: Mapping[str, Any] | None = None) -> LabelledText:
    text, label = strip_text(text), strip_text(label)
    for noun, value in (("text", text), ("label", label)):
        if not value:
            missing = "labels" if noun == "label" else None
            hint = "Fill it in, or remove the line"
            raise DataError(f"empty {noun}; expected some text", hint=hint, where=where, missing=missing)
    if len(label.splitlines()) > 1 or "\t" in label:
        raise DataError(f"the label is {shorten(label)!r}; expected one line without tabs", where=where)
    return LabelledText(text, label, where, other_columns=other_columns)

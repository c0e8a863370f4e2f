"""Readers of pairs: files and Python objects to pairs of a source and its targets.

    tsv        SOURCE TAB TARGET [TAB FURTHER TARGETS ...] on each line; --columns names two other columns
    csv        the same with commas or semicolons
    jsonl      {"source": "...", "target": "..."} on each line; the target may be a list of targets
    lexicon    a pronouncing dictionary (lexicons.py)
    parallel   two files: line n of the target file belongs to line n of the source file

The first lines decide the format `auto`: a JSON object means jsonl; a file that looks like one, a pronouncing
dictionary; a header without tabs that names the columns source and target, csv; anything else tsv. A table has a
header if its first row has these names, or those of --columns. Quotes are those of data/readers/tables.py. Spaces
around a source or a target are removed. Blank lines are skipped. In parallel files, pairs of which one side is empty
are left out and counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from elman.data.layout import Layout
from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import shorten, shorten_json
from elman.data.readers.jsonl import begins_array, read_labelled_json
from elman.data.readers.text import IN_MEMORY, Line, Source, SourceRecord, TextSource, numbered_lines, strip_text
from elman.data.sources import (
    ExampleSource,
    FileExamples,
    ParallelFiles,
    SourceArgument,
    open_text,
    unsupported_source,
)
from elman.errors import ConfigError, DataError

from .config import Seq2SeqReaderConfig as ReaderConfig
from .lexicons import LEXICON, are_numbers, looks_like_lexicon, read_lexicon
from .tables import names_columns, read_columns

SOURCE, TARGET = "source", "target"
FIRST_LINES = 1000  # which decide the format


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and its targets, any of which is right. `where` is its place: file:line, or item N.

    other_columns are those of its row in a table with a header, or the other keys of its object, if asked for.
    """

    source: str
    targets: tuple[str, ...]
    where: str = field(default="", compare=False)
    columns: int | None = field(default=None, compare=False)  # of its line, if it comes from a table
    other_columns: Mapping[str, Any] | None = field(default=None, compare=False)


def open_source(
    source: SourceArgument, reader: ReaderConfig, notify: Notify, *, with_other_columns: bool = False
) -> ExampleSource[Pair]:
    """Return the pairs of a file, of two parallel files, or of a list in memory."""
    if isinstance(source, MemoryPairs):
        return source
    if isinstance(source, ParallelFiles):
        if reader.columns is not None or reader.format != "auto":
            option = "--columns" if reader.columns is not None else "--format"
            problem = f"{option}: given with a target file; expected one file with both sides"
            raise ConfigError(problem, hint=f"Leave out {option}, or the target file")
        source_file, target_file = (open_text(path, reader.encoding, notify) for path in (source.source, source.target))
        return ParallelPairs(source_file, target_file, notify)
    if isinstance(source, str | Path):
        parse = partial(read_pairs, reader=reader, notify=notify, with_other_columns=with_other_columns)
        return FileExamples(open_text(source, reader.encoding, notify), parse, partial(layout_of, reader=reader))
    raise unsupported_source(source, "a file, two parallel files, or pairs")


@dataclass(frozen=True, slots=True)
class MemoryPairs:
    """Pairs that a Python caller holds: (source, target) or (source, [targets])."""

    items: Sequence[tuple[str, str | Sequence[str]]]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        lines = (
            json.dumps({SOURCE: pair.source, TARGET: pair.targets}, ensure_ascii=False) + "\n"
            for pair in self.examples()
        )
        content = "".join(lines).encode()
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def check(self) -> None:
        """Leave the check to `examples`."""

    def examples(self) -> Iterator[Pair]:
        """Yield the pairs; an item that is not a pair is a DataError."""
        item: Any  # a caller may have ignored the types
        for number, item in enumerate(self.items):
            is_pair = isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str)
            targets = _texts(item[1]) if is_pair else None
            if targets is None:
                problem = f"item {number} is {shorten(repr(item))}; expected (source, target)"
                raise DataError(problem, hint="A target is a text, or a list of texts, any of which is right")
            yield _pair(item[0], targets, f"item {number}")


@dataclass(frozen=True, slots=True)
class ParallelPairs:
    """The pairs of two files: line n of the target file belongs to line n of the source file."""

    source: TextSource
    target: TextSource
    notify: Notify

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def record(self) -> SourceRecord:
        """What was read of the source file; `records_of` returns that of both files."""
        return self.source.record

    @property
    def layout(self) -> Layout:
        """Plain lines, in which a tab does not end the source."""
        return Layout(format="parallel")

    def check(self) -> None:
        """Look at the beginnings of both files."""
        self.source.check()
        self.target.check()

    def examples(self) -> Iterator[Pair]:
        """Yield the pairs; files of different lengths are a DataError."""
        return read_parallel(self.source, self.target, self.notify)


def records_of(source: ExampleSource[Pair]) -> list[SourceRecord]:
    """Return what was read of each file of a source."""
    return [source.source.record, source.target.record] if isinstance(source, ParallelPairs) else [source.record]


def layout_of(lines: Sequence[Line], reader: ReaderConfig) -> Layout:
    """Return the layout of a file that begins with these lines."""
    name = _format_of(lines, reader) if reader.format == "auto" else reader.format
    return Layout(format="table" if name in ("tsv", "csv") else name)


def read_pairs(
    source: Source, reader: ReaderConfig, notify: Notify, *, with_other_columns: bool = False
) -> Iterator[Pair]:
    """Yield the pairs of a file; a malformed line is a DataError."""
    return _READERS[reader.format](numbered_lines(source), reader, notify, with_other_columns)


def read_parallel(source: Source, target: Source, notify: Notify) -> Iterator[Pair]:
    """Yield the pairs of two files; files of different lengths are a DataError.

    Pairs of which one side is empty are left out and counted: no model learns from them, and a line cannot be removed
    from one of the files alone.
    """
    counts = [0, 0]
    empty: list[str] = []
    for line, counterpart in zip_longest(numbered_lines(source), numbered_lines(target)):
        counts[0] += line is not None
        counts[1] += counterpart is not None
        if line is None or counterpart is None:
            continue
        missing = next((where for where, text in (line, counterpart) if not text.strip()), None)
        if missing is None:
            yield _pair(line[1], [counterpart[1]], line[0], target_where=counterpart[0])
        else:
            empty.append(missing)
    if counts[0] != counts[1]:
        longer = source if counts[0] > counts[1] else target
        raise DataError(
            f"has no counterpart: {source.name} has {counts[0]:,} lines, {target.name} has {counts[1]:,}",
            hint="Line n of the target file must belong to line n of the source file",
            where=f"{longer.name}:{min(counts) + 1}",
        )
    if empty:
        pairs = f"{len(empty):,} of {counts[0]:,} pairs"
        notify(f"{source.name}: left out {pairs} because a side is empty, the first at {empty[0]}")


def require_single_targets(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Yield pairs with one target; several targets are a DataError, because a third column may not be a target."""
    for pair in pairs:
        if len(pair.targets) > 1:
            if pair.columns is None:
                hint = "Use --extra-targets to train on all of them"
                raise DataError(f"has {len(pair.targets)} targets; expected 1", hint=hint, where=pair.where)
            hint = "Use --extra-targets to train on all of them, or --columns 1,2 to ignore the others"
            if are_numbers(pair.targets[:-1]):
                hint = "For a pronouncing dictionary, use --format lexicon: the numbers in it are not targets"
            raise DataError(f"has {pair.columns} columns; expected 2", hint=hint, where=pair.where)
        yield pair


def _detected(lines: Iterator[Line], reader: ReaderConfig, notify: Notify, with_other_columns: bool) -> Iterator[Pair]:
    sample = list(islice(lines, FIRST_LINES))
    name = _format_of(sample, reader)
    if name == LEXICON:
        file = sample[0][0].rpartition(":")[0]
        notify(f"{file}: reading it as a pronouncing dictionary. Use --format tsv for a table.")
    yield from _READERS[name](chain(sample, lines), reader, notify, with_other_columns)


def _format_of(sample: Sequence[Line], reader: ReaderConfig) -> str:
    """Return the format of a file from its first lines."""
    texts = [text for _, text in sample]
    first = next((text for text in texts if text.strip()), "")
    if reader.column_names and (_is_object(first) or begins_array(texts)):
        return "jsonl"
    if reader.columns is None and looks_like_lexicon(texts):
        return LEXICON
    is_csv = bool(sample) and sample[0][0].rpartition(":")[0].lower().removesuffix(".gz").endswith(".csv")
    return "csv" if "\t" not in first and (is_csv or names_columns(iter(sample), reader)) else "tsv"


def _is_object(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _table(
    lines: Iterator[Line], reader: ReaderConfig, notify: Notify, with_other_columns: bool, separators: str
) -> Iterator[Pair]:
    for row in read_columns(lines, reader, notify, separators, with_other_columns=with_other_columns):
        source, target, *others = row.cells
        yield _pair(source, [target, *others], row.where, columns=row.width, other_columns=row.other_columns)


def _objects(lines: Iterator[Line], reader: ReaderConfig, notify: Notify, with_other_columns: bool) -> Iterator[Pair]:
    source_key, target_key = reader.column_names
    hint = f'Write {{"{source_key}": "...", "{target_key}": "..."}} on each line; --columns names other keys'
    for where, value in read_labelled_json(lines, (source_key, target_key), hint, "targets"):
        source, targets = value[source_key], _texts(value[target_key])
        if not isinstance(source, str):
            raise DataError(f'"{source_key}" is {shorten_json(source)}; expected text', hint=hint, where=where)
        if targets is None:
            problem = f'"{target_key}" is {shorten_json(value[target_key])}; expected text or a list of texts'
            raise DataError(problem, hint=hint, where=where, missing=None if value[target_key] else "targets")
        others = {key: value[key] for key in value if key not in (source_key, target_key)}
        yield _pair(source, targets, where, other_columns=others if with_other_columns else None)


def _lexicon(lines: Iterator[Line], reader: ReaderConfig, notify: Notify, with_other_columns: bool) -> Iterator[Pair]:
    sample = list(islice(lines, FIRST_LINES))
    for word, pronunciation, where in read_lexicon(chain(sample, lines), [text for _, text in sample]):
        yield _pair(word, [pronunciation], where)


_READERS: dict[str, Callable[[Iterator[Line], ReaderConfig, Notify, bool], Iterator[Pair]]] = {
    "auto": _detected,
    "tsv": partial(_table, separators="\t"),
    "csv": partial(_table, separators=";,"),
    "jsonl": _objects,
    LEXICON: _lexicon,
}


def _pair(
    source: str,
    targets: Sequence[str],
    where: str,
    *,
    columns: int | None = None,
    target_where: str | None = None,
    other_columns: Mapping[str, Any] | None = None,
) -> Pair:
    source, targets = strip_text(source), tuple(map(strip_text, targets))
    for side, texts, place in ((SOURCE, (source,), where), (TARGET, targets, target_where or where)):
        if not all(texts):
            problem = f"has an empty {side}; expected text"
            missing = "targets" if side == TARGET else None
            raise DataError(problem, hint="Fill it in, or leave the pair out", where=place, missing=missing)
    return Pair(source, targets, where, columns, other_columns)


def _texts(value: Any) -> list[str] | None:
    """Return a text or a list of texts as a list; None for anything else."""
    texts = [value] if isinstance(value, str) else value
    is_list = isinstance(texts, tuple | list) and len(texts) > 0 and all(isinstance(text, str) for text in texts)
    return list(texts) if is_list else None

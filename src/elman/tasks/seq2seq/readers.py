"""Readers of pairs: files and Python objects to pairs of a source and its targets.

    tsv        SOURCE TAB TARGET [TAB FURTHER TARGETS ...] on each line, no header; --columns names two other columns
    jsonl      {"source": "...", "target": "..."} on each line; the target may be a list of targets
    parallel   two files: line n of the target file belongs to line n of the source file

The first line that is not blank decides the format `auto`: a JSON object means jsonl, anything else tsv. TSV has no
quotes and no escapes. Spaces around a source or a target are removed. Blank lines are skipped; in parallel files, where
every line has a counterpart, they are errors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import shorten, shorten_json
from elman.data.readers.jsonl import read_objects
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

SOURCE, TARGET = "source", "target"
EXPECTED_OBJECT = 'Write {"source": "...", "target": "..."} on each line'


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and its targets, any of which is right. `where` is its place: file:line, or item N."""

    source: str
    targets: tuple[str, ...]
    where: str = field(default="", compare=False)
    columns: int | None = field(default=None, compare=False)  # of its line, if it comes from a table


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[Pair]:
    """Return the pairs of a file, of two parallel files, or of a list in memory."""
    if isinstance(source, MemoryPairs):
        return source
    if isinstance(source, ParallelFiles):
        if reader.columns is not None or reader.format != "auto":
            option = "--columns" if reader.columns is not None else "--format"
            problem = f"{option}: given with a target file; expected one file with both sides"
            raise ConfigError(problem, hint=f"Leave out {option}, or the target file")
        files = (open_text(path, reader.encoding, notify) for path in (source.source, source.target))
        return ParallelPairs(*files)
    if isinstance(source, str | Path):
        return FileExamples(open_text(source, reader.encoding, notify), partial(read_pairs, reader=reader))
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

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def record(self) -> SourceRecord:
        """What was read of the source file; `records_of` returns that of both files."""
        return self.source.record

    def check(self) -> None:
        """Look at the beginnings of both files."""
        self.source.check()
        self.target.check()

    def examples(self) -> Iterator[Pair]:
        """Yield the pairs; files of different lengths are a DataError."""
        return read_parallel(self.source, self.target)


def records_of(source: ExampleSource[Pair]) -> list[SourceRecord]:
    """Return what was read of each file of a source."""
    return [source.source.record, source.target.record] if isinstance(source, ParallelPairs) else [source.record]


def read_pairs(source: Source, reader: ReaderConfig) -> Iterator[Pair]:
    """Yield the pairs of a file; a malformed line is a DataError."""
    lines = numbered_lines(source)
    return _READERS[reader.format](lines) if reader.columns is None else _two_columns(lines, reader.columns)


def read_parallel(source: Source, target: Source) -> Iterator[Pair]:
    """Yield the pairs of two files; an empty line, and files of different lengths, are DataErrors."""
    counts = [0, 0]
    for line, counterpart in zip_longest(numbered_lines(source), numbered_lines(target)):
        counts[0] += line is not None
        counts[1] += counterpart is not None
        if line and counterpart:
            yield _pair(line[1], [counterpart[1]], line[0], target_where=counterpart[0])
    if counts[0] != counts[1]:
        longer = source if counts[0] > counts[1] else target
        raise DataError(
            f"has no counterpart: {source.name} has {counts[0]:,} lines, {target.name} has {counts[1]:,}",
            hint="Line n of the target file must belong to line n of the source file",
            where=f"{longer.name}:{min(counts) + 1}",
        )


def require_single_targets(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Yield pairs with one target; several targets are a DataError, because a third column may not be a target."""
    for pair in pairs:
        if len(pair.targets) > 1:
            if pair.columns is None:
                hint = "Use --extra-targets to train on all of them"
                raise DataError(f"has {len(pair.targets)} targets; expected 1", hint=hint, where=pair.where)
            hint = "Use --extra-targets to train on all of them, or --columns 1,2 to ignore the others"
            raise DataError(f"has {pair.columns} columns; expected 2", hint=hint, where=pair.where)
        yield pair


def _by_first_line(lines: Iterator[Line]) -> Iterator[Pair]:
    for where, line in lines:
        if not _is_blank(line):
            read = _objects if _is_object(line) else _table
            yield from read(chain([(where, line)], lines))


def _is_blank(line: str) -> bool:
    return not line.strip() and "\t" not in line


def _is_object(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _table(lines: Iterable[Line]) -> Iterator[Pair]:
    for where, line in lines:
        if _is_blank(line):
            continue
        source, *targets = line.split("\t")
        if not targets:
            hint = "Separate the columns by tabs; --columns names other columns than 1,2"
            if source.lstrip().startswith("{"):
                hint = "For JSON lines, use --format jsonl"
            raise DataError("has one column; expected SOURCE TAB TARGET", hint=hint, where=where)
        further = [target for target in targets[1:] if target.strip()]  # spreadsheets end short rows with tabs
        yield _pair(source, [targets[0], *further], where, columns=1 + len(targets))


def _two_columns(lines: Iterable[Line], columns: tuple[int, int]) -> Iterator[Pair]:
    for where, line in lines:
        if _is_blank(line):
            continue
        cells = line.split("\t")
        if len(cells) < max(columns):
            has = "one column" if len(cells) == 1 else f"{len(cells)} columns"
            hint = f"Separate the columns by tabs; --columns {columns[0]},{columns[1]} counts them from 1"
            raise DataError(f"has {has}; expected at least {max(columns)}", hint=hint, where=where)
        source, target = (cells[column - 1] for column in columns)
        yield _pair(source, [target], where, columns=len(cells))


def _objects(lines: Iterable[Line]) -> Iterator[Pair]:
    for where, value in read_objects(lines, (SOURCE, TARGET), EXPECTED_OBJECT):
        source, targets = value[SOURCE], _texts(value[TARGET])
        if not isinstance(source, str):
            raise DataError(f'"source" is {shorten_json(source)}; expected text', hint=EXPECTED_OBJECT, where=where)
        if targets is None:
            problem = f'"target" is {shorten_json(value[TARGET])}; expected text or a list of texts'
            raise DataError(problem, hint=EXPECTED_OBJECT, where=where)
        yield _pair(source, targets, where)


_READERS: dict[str, Callable[[Iterator[Line]], Iterator[Pair]]] = {
    "auto": _by_first_line,
    "tsv": _table,
    "jsonl": _objects,
}


def _pair(
    source: str, targets: Sequence[str], where: str, *, columns: int | None = None, target_where: str | None = None
) -> Pair:
    source, targets = strip_text(source), tuple(map(strip_text, targets))
    for side, texts, place in ((SOURCE, (source,), where), (TARGET, targets, target_where or where)):
        if not all(texts):
            problem = f"has an empty {side}; expected text"
            raise DataError(problem, hint="Fill it in, or leave the pair out", where=place)
    return Pair(source, targets, where, columns)


def _texts(value: Any) -> list[str] | None:
    """Return a text or a list of texts as a list; None for anything else."""
    texts = [value] if isinstance(value, str) else value
    is_list = isinstance(texts, tuple | list) and len(texts) > 0 and all(isinstance(text, str) for text in texts)
    return list(texts) if is_list else None

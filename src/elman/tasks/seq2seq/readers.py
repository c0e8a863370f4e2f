"""Pairs: readers of source and target, what sequence to sequence learns from.

    tsv        SOURCE TAB TARGET [TAB FURTHER TARGETS ...] a line, no header; `columns` picks two others, counted from 1
    jsonl      {"source": "...", "target": "..."} a line; the target may be a list of targets
    parallel   two files: line n of one belongs to line n of the other

The format is told by the first line that is not blank: a JSON object makes it jsonl. There are no quotes and no escapes
in tsv. Spaces around a cell are no part of it; what is between stays as it is. Blank lines are skipped, but not in
parallel files, where they would have to belong to something.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Literal

from elman.data.readers import IN_MEMORY, Line, Source, SourceRecord, numbered_lines
from elman.data.records import objects, shown, shown_json, stripped
from elman.errors import ConfigError, DataError

Format = Literal["auto", "tsv", "jsonl"]
Columns = tuple[int, int]

SOURCE, TARGET = "source", "target"
EXPECTED_OBJECT = 'expected {"source": ..., "target": ...}'


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and one or more targets, any of which is right. `where` is its place: file:line, or item N."""

    source: str
    targets: tuple[str, ...]
    where: str
    columns: int | None = None  # of its line, where it stands in a table


@dataclass(frozen=True, slots=True)
class MemoryPairs:
    """Pairs that a Python caller holds: (source, target) or (source, [targets])."""

    items: Sequence[tuple[str, str | Sequence[str]]]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        content = "".join(self.blocks()).encode()
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def blocks(self) -> Iterator[str]:
        """Yield them as lines of jsonl."""
        for pair in self.pairs():
            yield json.dumps({SOURCE: pair.source, TARGET: pair.targets}, ensure_ascii=False) + "\n"

    def pairs(self) -> Iterator[Pair]:
        """Yield them; what is no pair is a DataError."""
        for number, item in enumerate(self.items):
            given: Any = item  # a caller need not have read the types
            is_pair = isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], str)
            targets = _texts(given[1]) if is_pair else None
            if targets is None:
                what = f"item {number} is {shown(repr(given))}, expected (source, target)"
                raise DataError(what, hint="a target is text, or a list of texts of which any is right")
            yield _pair(given[0], targets, f"item {number}")


def read_pairs(
    source: Source,
    *,
    columns: Columns | None = None,
    format: Format = "auto",  # noqa: A002 - as the flag is called
    target: Source | None = None,
) -> Iterator[Pair]:
    """Return the pairs of a file, or of two parallel ones, as they are read; a malformed line is a DataError.

    Choices that exclude each other are a ConfigError, at once.
    """
    if target is not None:
        if columns is not None or format != "auto":
            hint = "leave out --columns and --format, or name one file that holds both sides"
            raise ConfigError("columns and formats are of one file, given a target file too", hint=hint)
        return _parallel(source, target)
    if columns is not None:
        if min(columns) < 1:
            raise ConfigError(
                f"columns: given {columns[0]},{columns[1]}, expected numbers from 1", hint="--columns 1,2"
            )
        if format == "jsonl":
            raise ConfigError("columns: given for JSON lines, which have none", hint="leave out --columns")
        return _picked(numbered_lines(source), columns)
    return _READERS[format](numbered_lines(source))


def refuse_extra_targets(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Yield pairs of one target; another is a DataError, for its third column may be no target at all."""
    for pair in pairs:
        if len(pair.targets) > 1:
            takes = "--extra-targets takes them as further targets"
            if pair.columns is None:
                raise DataError(f"has {len(pair.targets)} targets, expected 1", hint=takes, where=pair.where)
            hint = f"{takes}; --columns 1,2 leaves them out"
            raise DataError(f"has {pair.columns} columns, expected 2", hint=hint, where=pair.where)
        yield pair


def _told_by_content(lines: Iterator[Line]) -> Iterator[Pair]:
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
            hint = "are the columns separated by spaces? write a tab; --columns picks other columns than 1,2"
            if source.lstrip().startswith("{"):
                hint = "is it JSON? --format jsonl says so"
            raise DataError("has one column, expected SOURCE TAB TARGET", hint=hint, where=where)
        further = [target for target in targets[1:] if target.strip()]  # spreadsheets fill short rows up with tabs
        yield _pair(source, [targets[0], *further], where, columns=1 + len(targets))


def _picked(lines: Iterable[Line], columns: Columns) -> Iterator[Pair]:
    for where, line in lines:
        if _is_blank(line):
            continue
        cells = line.split("\t")
        if len(cells) < max(columns):
            has = "one column" if len(cells) == 1 else f"{len(cells)} columns"
            hint = f"--columns {columns[0]},{columns[1]} asks for them, counted from 1 and separated by tabs"
            raise DataError(f"has {has}, expected at least {max(columns)}", hint=hint, where=where)
        source, target = (cells[column - 1] for column in columns)
        yield _pair(source, [target], where, columns=len(cells))


def _objects(lines: Iterable[Line]) -> Iterator[Pair]:
    for where, value in objects(lines, (SOURCE, TARGET), EXPECTED_OBJECT):
        source, targets = value[SOURCE], _texts(value[TARGET])
        if not isinstance(source, str):
            raise DataError(f'"source" is {shown_json(source)}, expected text', hint=EXPECTED_OBJECT, where=where)
        if targets is None:
            what = f'"target" is {shown_json(value[TARGET])}, expected text or a list of texts'
            raise DataError(what, hint=EXPECTED_OBJECT, where=where)
        yield _pair(source, targets, where)


def _parallel(source: Source, target: Source) -> Iterator[Pair]:
    counts = [0, 0]
    for line, counterpart in zip_longest(numbered_lines(source), numbered_lines(target)):
        counts[0] += line is not None
        counts[1] += counterpart is not None
        if line and counterpart:
            yield _pair(line[1], [counterpart[1]], line[0], where_target=counterpart[0])
    if counts[0] != counts[1]:
        longer = source if counts[0] > counts[1] else target
        raise DataError(
            f"has no counterpart: {source.name} has {counts[0]:,} lines, {target.name} has {counts[1]:,}",
            hint="line n of one file belongs to line n of the other",
            where=f"{longer.name}:{min(counts) + 1}",
        )


_READERS: dict[Format, Callable[[Iterator[Line]], Iterator[Pair]]] = {
    "auto": _told_by_content,
    "tsv": _table,
    "jsonl": _objects,
}


def _pair(
    source: str, targets: Sequence[str], where: str, *, columns: int | None = None, where_target: str | None = None
) -> Pair:
    """The pair of stripped texts, none of which is empty."""
    source, targets = stripped(source), tuple(map(stripped, targets))
    for side, texts, place in ((SOURCE, (source,), where), (TARGET, targets, where_target or where)):
        if not all(texts):
            raise DataError(
                f"has an empty {side}, expected text", hint="fill it in, or leave the pair out", where=place
            )
    return Pair(source, targets, where, columns)


def _texts(value: Any) -> list[str] | None:
    """The texts of a text or a list of texts; None of anything else."""
    texts = [value] if isinstance(value, str) else value
    listed = isinstance(texts, tuple | list) and len(texts) > 0 and all(isinstance(text, str) for text in texts)
    return list(texts) if listed else None

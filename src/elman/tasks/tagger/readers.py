"""Tagged sentences: readers of tokens and a tag for each, what a tagger learns from.

    conllu    CoNLL-U (universaldependencies.org/format.html): ten columns, a blank line after each sentence; ranges of
              multiword tokens (3-4) and empty nodes (8.1) are skipped
    columns   a token a line, its tag in another column, a blank line between sentences: CoNLL-2000, CoNLL-2003
    lines     a sentence a line: TOKENS TAB TAGS, as many of one as of the other, with spaces between them; or
              characters and their tags: `银行 TAB yín háng`
    jsonl     {"tokens": [...], "tags": [...]} a line

token_lines.py tells the formats apart and reads their lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from elman.data.encodings import Notify
from elman.data.readers import IN_MEMORY, Line, Source, SourceRecord, TextSource, numbered_lines
from elman.data.records import objects, shown
from elman.data.token_lines import (
    CONLLU,
    Format,
    blocks,
    clean,
    column_words,
    conllu_words,
    counted,
    cut,
    is_comment,
    of_columns,
    of_conllu,
    text_list,
    told_format,
)
from elman.errors import DataError

_TAGS_OF_WORDS = ("upos", "xpos", "deprel")  # columns where `_` says that there is none


@dataclass(frozen=True, slots=True)
class Tagged:
    """The tokens of a sentence, the tag of each, and the place of each, file:line, or of all of them."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    places: tuple[str, ...]

    def where(self, index: int) -> str:
        """The place of a token."""
        return self.places[index if len(self.places) > 1 else 0]


@dataclass(frozen=True, slots=True)
class TagColumns:
    """Where tokens and tags stand: names of CoNLL-U or of JSON keys, numbers of other columns, counted from 1."""

    token: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class MemoryTagged:
    """Sentences that a Python caller holds: (tokens, tags); tokens may be text, to be cut as `lines` are."""

    items: Sequence[tuple[str | Sequence[str], Sequence[str]]]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        content = "".join(json.dumps([each.tokens, each.tags]) + "\n" for each in self.tagged()).encode()
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def tagged(self) -> Iterator[Tagged]:
        """Yield them; what is no sentence with a tag a token is a DataError."""
        for number, item in enumerate(self.items):
            where, given = f"item {number}", _as_tuple(item)
            sentence, tags = (given[0], _as_tuple(given[1])) if given is not None and len(given) == 2 else ("", None)
            tokens = tuple(cut(sentence, len(tags or ()))) if isinstance(sentence, str) else _as_tuple(sentence)
            if tokens is None or tags is None or not all(isinstance(each, str) for each in (*tokens, *tags)):
                hint = "a list of tokens, or text to be cut, and a list of tags; leave out what is missing"
                raise DataError(f"{where} is {shown(repr(item))}, expected its tokens and their tags", hint=hint)
            if tokens or tags:
                yield _tagged(tokens, tags, (where,))


def read_any(
    path: str | Path,
    *,
    columns: TagColumns | None = None,
    format: Format = "auto",  # noqa: A002 - as the flag is called
    encoding: str | None = None,
    notify: Notify = lambda message: None,
) -> Iterator[Tagged]:
    """Yield the tagged sentences of a file."""
    return read_tagged(TextSource(path, encoding=encoding, notify=notify), columns=columns, format=format)


def read_tagged(source: Source, *, columns: TagColumns | None = None, format: Format = "auto") -> Iterator[Tagged]:  # noqa: A002
    """Yield the tagged sentences of a file; a malformed line is a DataError."""
    return _READERS[format](numbered_lines(source), columns or TagColumns())


def _told_by_content(lines: Iterator[Line], columns: TagColumns) -> Iterator[Tagged]:
    begun: list[Line] = []
    for where, line in lines:
        begun.append((where, line))
        if not is_comment(line):
            yield from _READERS[told_format(line)](chain(begun, lines), columns)
            return
    if any(line.strip() for _, line in begun):  # nothing but comments, or tokens that look like them
        yield from _READERS[told_format(next(line for _, line in begun if line.strip()))](iter(begun), columns)


def _conllu(lines: Iterator[Line], columns: TagColumns) -> Iterator[Tagged]:
    token, tag = (of_conllu(name) for name in (columns.token or "form", columns.tag or "upos"))
    for block in blocks(lines):
        words = conllu_words(block)
        for where, cells in words:
            if CONLLU[tag] in _TAGS_OF_WORDS and cells[tag] == "_":
                told = f"has no {CONLLU[tag]} (`_`)"
                raise DataError(told, hint="--column names another, such as xpos or deprel", where=where)
        if words:
            yield _tagged([cells[token] for _, cells in words], [cells[tag] for _, cells in words], _places(words))


def _columns(lines: Iterator[Line], columns: TagColumns) -> Iterator[Tagged]:
    token, tag = of_columns(columns.token, "--words", 1) - 1, of_columns(columns.tag, "--column", 0) - 1
    width = 0
    for block in blocks(lines):
        words = column_words(block)
        for where, cells in words:
            width = width or len(cells)
            if len(cells) != width or width < 2:
                expected = f"expected {width} as in the lines before" if width > 1 else "expected a token and its tag"
                hint = "is the blank line between two sentences missing, or another --format meant?"
                raise DataError(f"has {counted(cells)}, {expected}", hint=hint, where=where)
            if max(token, tag) >= width:
                hint = f"--words and --column count from 1 to {width}"
                raise DataError(f"has no column {max(token, tag) + 1}", hint=hint, where=where)
        if words:
            yield _tagged([cells[token] for _, cells in words], [cells[tag] for _, cells in words], _places(words))


def _lines(lines: Iterator[Line], columns: TagColumns) -> Iterator[Tagged]:
    for where, line in lines:
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != 2:
            hint = "a sentence a line: its tokens, a tab, its tags, with spaces between them"
            raise DataError(f"has {counted(cells)}, expected tokens TAB tags", hint=hint, where=where)
        tags = cells[1].split()
        yield _tagged(cut(cells[0], len(tags)), tags, (where,))


def _objects(lines: Iterator[Line], columns: TagColumns) -> Iterator[Tagged]:
    names = columns.token or "tokens", columns.tag or "tags"
    expected = f'expected {{"{names[0]}": ["..."], "{names[1]}": ["..."]}}'
    for where, value in objects(lines, names, expected):
        tokens, tags = (text_list(value[name], name, where, expected) for name in names)
        if tokens or tags:
            yield _tagged(tokens, tags, (where,))


_READERS: dict[Format, Callable[[Iterator[Line], TagColumns], Iterator[Tagged]]] = {
    "auto": _told_by_content,
    "conllu": _conllu,
    "columns": _columns,
    "lines": _lines,
    "jsonl": _objects,
}


def _places(words: Sequence[tuple[str, list[str]]]) -> tuple[str, ...]:
    return tuple(where for where, _ in words)


def _as_tuple(given: Any) -> tuple[Any, ...] | None:
    """A list, a tuple or an array as a tuple; None of anything else, such as a text."""
    if hasattr(given, "tolist"):
        given = given.tolist()
    return tuple(given) if isinstance(given, list | tuple) else None


def _tagged(tokens: Sequence[str], tags: Sequence[str], places: tuple[str, ...]) -> Tagged:
    if len(tokens) != len(tags):
        told = f"has {len(tokens):,} tokens and {len(tags):,} tags, expected as many of each"
        raise DataError(told, hint="a tag for each token", where=places[0])
    sentence = Tagged(tuple(map(clean, tokens)), tuple(map(clean, tags)), places)
    for noun, values in (("token", sentence.tokens), ("tag", sentence.tags)):
        for index, value in enumerate(values):
            if not value:
                raise DataError(f"has an empty {noun}", hint="fill it in", where=sentence.where(index))
    strange = next((i for i, tag in enumerate(sentence.tags) if len(tag.split()) > 1), None)
    if strange is not None:
        told = f"has the tag {shown(sentence.tags[strange])!r}, expected no space in it"
        raise DataError(told, hint="is it a sentence a line? --format lines", where=sentence.where(strange))
    return sentence

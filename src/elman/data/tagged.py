"""Tagged sentences: readers of tokens and a tag for each, what a tagger learns from.

    conllu    CoNLL-U (universaldependencies.org/format.html): ten columns, a blank line after each sentence; ranges of
              multiword tokens (3-4) and empty nodes (8.1) are skipped
    columns   a token a line, its tag in another column, a blank line between sentences: CoNLL-2000, CoNLL-2003
    lines     a sentence a line: TOKENS TAB TAGS, as many of one as of the other, with spaces between them; or
              characters and their tags: `银行 TAB yín háng`
    jsonl     {"tokens": [...], "tags": [...]} a line

The format is told by the first line that is neither blank nor a comment (`#`). Columns are separated by tabs or, in a
line without any, by spaces; the first holds the token and the last the tag, unless others are named. A line -DOCSTART-
is no token. A block is what stands between blank lines, a sentence of conllu and columns; of the others, a line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from elman.errors import ConfigError, DataError

from .encodings import Notify
from .readers import IN_MEMORY, Line, Source, SourceRecord, TextSource, numbered_lines
from .records import objects, shown, shown_json

Format = Literal["auto", "conllu", "columns", "lines", "jsonl"]

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
DOCUMENT_START = "-DOCSTART-"
_SPACES = re.compile(" +")
_WORD = re.compile(r"\d+")
_NO_WORD = re.compile(r"\d+-\d+|\d+\.\d+")  # a range of a multiword token, an empty node
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


def told_format(line: str) -> Format:
    """Return the format of a file of tagged sentences whose first line that is no comment and not blank is this one."""
    cells = line.split("\t")
    if line.lstrip().startswith("{") and _is_object(line):
        return "jsonl"
    if len(cells) == len(CONLLU) and re.match(r"\d+([-.]\d+)?$", cells[0]):
        return "conllu"
    if len(cells) == 2 and (tags := len(cells[1].split())) > 1 and len(cut(cells[0], tags)) == tags:
        return "lines"
    return "columns"


def is_comment(line: str) -> bool:
    """Whether a line does not tell the format: it is blank, or a comment as CoNLL-U has them."""
    return not line.strip() or line.startswith("#")


def cut(text: str, tags: int) -> list[str]:
    """Return the tokens of a text that has so many tags: what stands between spaces, or its characters."""
    tokens = text.split()
    characters = list("".join(tokens))
    return characters if len(characters) == tags != len(tokens) else tokens


def conllu_words(sentence: Iterable[Line]) -> list[tuple[str, list[str]]]:
    """Return the place and the ten columns of each word of a sentence in CoNLL-U; a broken line is a DataError."""
    words: list[tuple[str, list[str]]] = []
    for where, line in sentence:
        cells = line.split("\t")
        if line.startswith("#") or (len(cells) == len(CONLLU) and _NO_WORD.fullmatch(cells[0])):
            continue
        if len(cells) != len(CONLLU):
            hint = "is it CoNLL-U? see --format"
            raise DataError(f"has {_counted(cells)}, expected ten, separated by tabs", hint=hint, where=where)
        if not _WORD.fullmatch(cells[0]) or int(cells[0]) != len(words) + 1:
            told = f"has the ID {shown(cells[0])!r}, expected {len(words) + 1}"
            raise DataError(told, hint="is a line missing, or the blank line between two sentences?", where=where)
        words.append((where, cells))
    return words


def read_tokens(block: Sequence[Line], format: Format, token_column: str | None = None) -> list[str] | str | None:  # noqa: A002
    """Return the tokens of a block of lines to be tagged, or a text to be cut; None where it holds no sentence.

    Tags may stand beside them and are not read. What is wrong is a DataError with its place.
    """
    if format == "lines":
        return block[0][1].split("\t")[0]
    if format == "jsonl":
        name = token_column or "tokens"
        found = [value for _, value in objects(block, (name,), f'expected {{"{name}": ["..."]}}')]
        return _token_list(found[0][name], name, block[0][0], f'expected {{"{name}": ["..."]}}') if found else None
    words = conllu_words(block) if format == "conllu" else _column_words(block)
    token = _of_conllu(token_column or "form") if format == "conllu" else _of_columns(token_column, "--words", 1) - 1
    for where, cells in words:
        if token >= len(cells):
            raise DataError(f"has no column {token + 1}", hint="--words names another", where=where)
        if not _clean(cells[token]):
            raise DataError("has an empty token", hint="fill it in", where=where)
    return [_clean(cells[token]) for _, cells in words] or None


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
    token, tag = (_of_conllu(name) for name in (columns.token or "form", columns.tag or "upos"))
    for block in _blocks(lines):
        words = conllu_words(block)
        for where, cells in words:
            if CONLLU[tag] in _TAGS_OF_WORDS and cells[tag] == "_":
                told = f"has no {CONLLU[tag]} (`_`)"
                raise DataError(told, hint="--column names another, such as xpos or deprel", where=where)
        if words:
            yield _tagged([cells[token] for _, cells in words], [cells[tag] for _, cells in words], _places(words))


def _columns(lines: Iterator[Line], columns: TagColumns) -> Iterator[Tagged]:
    token, tag = _of_columns(columns.token, "--words", 1) - 1, _of_columns(columns.tag, "--column", 0) - 1
    width = 0
    for block in _blocks(lines):
        words = _column_words(block)
        for where, cells in words:
            width = width or len(cells)
            if len(cells) != width or width < 2:
                expected = f"expected {width} as in the lines before" if width > 1 else "expected a token and its tag"
                hint = "is the blank line between two sentences missing, or another --format meant?"
                raise DataError(f"has {_counted(cells)}, {expected}", hint=hint, where=where)
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
            raise DataError(f"has {_counted(cells)}, expected tokens TAB tags", hint=hint, where=where)
        tags = cells[1].split()
        yield _tagged(cut(cells[0], len(tags)), tags, (where,))


def _objects(lines: Iterator[Line], columns: TagColumns) -> Iterator[Tagged]:
    names = columns.token or "tokens", columns.tag or "tags"
    expected = f'expected {{"{names[0]}": ["..."], "{names[1]}": ["..."]}}'
    for where, value in objects(lines, names, expected):
        tokens, tags = (_text_list(value[name], name, where, expected) for name in names)
        if tokens or tags:
            yield _tagged(tokens, tags, (where,))


_READERS: dict[Format, Callable[[Iterator[Line], TagColumns], Iterator[Tagged]]] = {
    "auto": _told_by_content,
    "conllu": _conllu,
    "columns": _columns,
    "lines": _lines,
    "jsonl": _objects,
}


def _column_words(block: Iterable[Line]) -> list[tuple[str, list[str]]]:
    """The place and the columns of each token of a sentence."""
    words = [(where, line.split("\t") if "\t" in line else _SPACES.split(line.strip(" "))) for where, line in block]
    return [each for each in words if each[1][0] != DOCUMENT_START]


def _text_list(value: Any, name: str, where: str, expected: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise DataError(f'"{name}" is {shown_json(value)}, expected a list of text', hint=expected, where=where)
    return value


def _token_list(value: Any, name: str, where: str, expected: str) -> list[str] | None:
    tokens = [_clean(each) for each in _text_list(value, name, where, expected)]
    if not all(tokens):
        raise DataError("has an empty token", hint="fill it in", where=where)
    return tokens or None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _clean(text: str) -> str:
    """A token or tag without spaces and tabs around it; other spaces are characters, and may be tokens."""
    return text.strip(" \t").encode("utf-8", "replace").decode("utf-8")


def _blocks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Yield the lines between blank ones."""
    block: list[Line] = []
    for where, line in lines:
        if line.strip():
            block.append((where, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _of_conllu(name: str) -> int:
    """The place of a column of CoNLL-U, by its name or its number from 1."""
    if name.lower() in CONLLU:
        return CONLLU.index(name.lower())
    if name.isdecimal() and 1 <= int(name) <= len(CONLLU):
        return int(name) - 1
    raise ConfigError(f"CoNLL-U has no column {name!r}: choose {', '.join(CONLLU)}")


def _of_columns(number: str | None, flag: str, otherwise: int) -> int:
    """The number of a column, counted from 1; 0 is the last."""
    if number is None:
        return otherwise
    if not number.isdecimal() or int(number) < 1:
        hint = "names are for CoNLL-U and JSON Lines; see --format"
        raise ConfigError(f"{flag}: given {number!r}, expected the number of a column, from 1", hint=hint)
    return int(number)


def _places(words: Sequence[tuple[str, list[str]]]) -> tuple[str, ...]:
    return tuple(where for where, _ in words)


def _counted(cells: Sequence[str]) -> str:
    return "one column" if len(cells) == 1 else f"{len(cells)} columns"


def _as_tuple(given: Any) -> tuple[Any, ...] | None:
    """A list, a tuple or an array as a tuple; None of anything else, such as a text."""
    if hasattr(given, "tolist"):
        given = given.tolist()
    return tuple(given) if isinstance(given, list | tuple) else None


def _tagged(tokens: Sequence[str], tags: Sequence[str], places: tuple[str, ...]) -> Tagged:
    if len(tokens) != len(tags):
        told = f"has {len(tokens):,} tokens and {len(tags):,} tags, expected as many of each"
        raise DataError(told, hint="a tag for each token", where=places[0])
    sentence = Tagged(tuple(map(_clean, tokens)), tuple(map(_clean, tags)), places)
    for noun, values in (("token", sentence.tokens), ("tag", sentence.tags)):
        for index, value in enumerate(values):
            if not value:
                raise DataError(f"has an empty {noun}", hint="fill it in", where=sentence.where(index))
    strange = next((i for i, tag in enumerate(sentence.tags) if len(tag.split()) > 1), None)
    if strange is not None:
        told = f"has the tag {shown(sentence.tags[strange])!r}, expected no space in it"
        raise DataError(told, hint="is it a sentence a line? --format lines", where=sentence.where(strange))
    return sentence

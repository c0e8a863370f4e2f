"""Readers of tagged sentences: files and Python objects to tokens with a tag for each.

    conllu    CoNLL-U (universaldependencies.org/format.html): ten columns, a blank line after each sentence; ranges of
              multiword tokens (3-4) and empty nodes (8.1) are skipped
    columns   one token on each line, its tag in another column, a blank line between sentences: CoNLL-2000, CoNLL-2003,
              GermEval 2014, MultiCoNER
    lines     one sentence on each line: TOKENS TAB TAGS, as many tags as tokens, with spaces between them;
              characters and their tags: `银行 TAB yín háng`; or TOKEN/TAG TOKEN/TAG ..., or TOKEN_TAG
    jsonl     {"tokens": [...], "tags": [...]} on each line
    csv       a table with a header (tables.py): a row for each token and the name of its sentence, or a row for each
              sentence

The format `auto` is csv if the first line names columns of tokens and tags. Otherwise, the first line that is neither
blank nor a comment decides (data/readers/token_lines.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy.typing as npt

from elman.data.layout import Layout
from elman.data.readers.column_layout import ColumnLayout
from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import shorten
from elman.data.readers.jsonl import begins_array, read_labelled_json
from elman.data.readers.text import IN_MEMORY, Line, Source, SourceRecord, numbered_lines
from elman.data.readers.token_lines import (
    CONLLU,
    clean_token,
    column_number,
    conllu_column_index,
    describe_column_count,
    detect_format,
    is_blank_or_comment,
    joining_mark,
    read_column_words,
    read_conllu_words,
    require_no_list,
    require_text_list,
    sentence_blocks,
    split_conllu,
    split_tokens,
)
from elman.data.sources import ExampleSource, FileExamples, SourceArgument, open_text, unsupported_source
from elman.errors import DataError
from elman.models.text_arguments import require_column

from .config import TaggerReaderConfig as ReaderConfig
from .tables import header_names, read_sentence_table, row_of_layout

Sentence = str | Sequence[str] | npt.NDArray[Any]  # a text, which is tokenized; or tokens
FIRST_LINES = 1000  # which decide the format
LONGEST_SENTENCE = 50  # tokens, in a file of columns with a single sentence
_TAGS_OF_WORDS = ("upos", "xpos", "deprel")  # CoNLL-U columns in which `_` means that there is no tag


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Tokens and a tag for each. `places` are those of the tokens, file:line, or a single one for all of them."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    places: tuple[str, ...] = field(default=(), compare=False)

    def where(self, index: int) -> str:
        """Return the place of a token; empty if it is unknown."""
        return self.places[index if len(self.places) > 1 else 0] if self.places else ""


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[TaggedSentence]:
    """Return the tagged sentences of a file, or of pairs in memory."""
    if isinstance(source, MemorySentences):
        return source
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a file, or sentences with their tags")
    parse = partial(read_sentences, reader=reader, notify=notify)
    return FileExamples(open_text(source, reader.encoding, notify), parse, partial(layout_of, reader=reader))


@dataclass(frozen=True, slots=True)
class MemorySentences:
    """Sentences and tags that a Python caller holds, as pairs. A text is split as the format `lines` does."""

    items: Sequence[tuple[Sentence, Sequence[str]]]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        content = "".join(json.dumps([example.tokens, example.tags]) + "\n" for example in self.examples()).encode()
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def check(self) -> None:
        """Leave the check to `examples`."""

    def examples(self) -> Iterator[TaggedSentence]:
        """Yield the sentences that have tokens; an item without a tag for each token is a DataError."""
        for number, item in enumerate(self.items):
            tokens, tags = _tokens_and_tags(item)
            if tokens is None or tags is None or not all(isinstance(text, str) for text in (*tokens, *tags)):
                problem = f"item {number} is {shorten(repr(item))}; expected tokens and their tags"
                hint = "Give a list of tokens, or a text, and a list of tags; leave out missing values"
                raise DataError(problem, hint=hint)
            if tokens or tags:
                yield _tagged(tokens, tags, (f"item {number}",))


def require_sentences(
    sentences: Iterable[Sentence], tokenize: Callable[[str], list[str]], first: int = 0
) -> list[list[str]]:
    """Return the tokens of each sentence, numbered from `first` on; anything that is not a sentence is a DataError."""
    if isinstance(sentences, str):
        raise DataError(f"one text, {sentences[:40]!r}; expected several sentences", hint="Give a list: [sentence]")
    require_column(sentences)
    lists = []
    for number, sentence in enumerate(sentences, first):
        plain: Any = sentence.tolist() if hasattr(sentence, "tolist") else sentence
        tokens = tokenize(plain) if isinstance(plain, str) else list(plain) if isinstance(plain, list | tuple) else None
        if tokens is None or not all(isinstance(token, str) for token in tokens):
            problem = f"sentence {number} is {sentence!r}; expected a text or a list of tokens"
            raise DataError(problem, hint="Leave out missing values")
        lists.append(tokens)
    return lists


def layout_of(lines: Sequence[Line], reader: ReaderConfig) -> Layout:
    """Return the layout of a file that begins with these lines."""
    name = _format_of(lines, reader) if reader.format == "auto" else reader.format
    return Layout(format=name, row=row_of_layout(lines, reader) if name == "csv" else None)


def read_sentences(source: Source, reader: ReaderConfig, notify: Notify) -> Iterator[TaggedSentence]:
    """Yield the tagged sentences of a file; a malformed line is a DataError."""
    return _READERS[reader.format](numbered_lines(source), reader, notify)


def _detected(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[TaggedSentence]:
    sample = list(islice(lines, FIRST_LINES))
    name = _format_of(sample, reader)
    if name == "columns":
        _require_sentences(sample)
    yield from _READERS[name](chain(sample, lines), reader, notify)


def _format_of(sample: Sequence[Line], reader: ReaderConfig) -> str:
    """Return the format of a file from its first lines."""
    texts = [text for _, text in sample if text.strip()]
    if begins_array(texts):
        return "jsonl"
    # If all lines look like comments, they begin with a token that looks like one.
    first = next((text for text in texts if not is_blank_or_comment(text)), texts[0] if texts else "")
    name = detect_format(first)
    if name in ("columns", "lines") and len(header_names(sample, reader)) == 2:
        return "csv"
    return "lines" if name == "columns" and joining_mark(texts) is not None else name


def _require_sentences(sample: Sequence[Line]) -> None:
    """Raise a DataError if no line among many is blank: in a text whose lines have equally many words, for example."""
    if len(sample) > LONGEST_SENTENCE and all(text.strip() for _, text in sample):
        problem = (
            f"no blank line in the first {len(sample):,} lines; expected a token and its tag a line, and blank lines"
        )
        hint = "If all lines are one sentence, use --format columns; a text without tags is for `elman train lm`"
        raise DataError(problem, hint=hint, where=sample[0][0], missing="tags")


def _conllu(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[TaggedSentence]:
    token, tag = (conllu_column_index(name) for name in (reader.token_column or "form", reader.tag_column or "upos"))
    first = next((line for line in lines if not is_blank_or_comment(line[1])), None)
    if first is not None and "\t" not in first[1] and len(split_conllu(first[1])) == len(CONLLU):
        notify(
            f"{first[0]}: the columns are separated by spaces; CoNLL-U has tabs. Reading the words between the spaces."
        )
    for block in sentence_blocks(chain([first] if first else [], lines)):
        words = read_conllu_words(block)
        for where, cells in words:
            if CONLLU[tag] in _TAGS_OF_WORDS and cells[tag] == "_":
                problem = f"no {CONLLU[tag]} (`_`); expected a tag"
                hint = "Name another column, such as --column xpos or deprel"
                raise DataError(problem, hint=hint, where=where, missing="tags")
        if words:
            yield _from_words(words, token, tag)


def _columns(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[TaggedSentence]:
    sample = list(islice(lines, FIRST_LINES))
    layout = ColumnLayout.of([[text for _, text in block] for block in sentence_blocks(iter(sample))])
    if layout.has_numbers and reader.token_column is None:
        notify(f"{sample[0][0]}: the first column numbers the tokens; the second one has them. --words names another.")
    token = column_number(reader.token_column, "--words", layout.token_index + 1) - 1
    if layout.tags_are_first and reader.tag_column is None:
        notify(f"{sample[0][0]}: the first column has the tags; the second one has the tokens. --column names another.")
    tag = column_number(reader.tag_column, "--column", layout.tag_index + 1) - 1  # -1 is the last column
    width = 0
    for block in sentence_blocks(chain(sample, lines)):
        words = read_column_words(block, layout)
        for where, cells in words:
            width = width or len(cells)
            if len(cells) != width or width < 2:
                expected = f"{width}, as in the lines before" if width > 1 else "a token and its tag"
                hint = "Add the blank line between two sentences, or name another --format"
                if len(cells) == 1 and any(mark in cells[0] for mark in ",;|"):
                    hint = "For CSV, use --format csv, and name its columns with --words and --column"
                problem = f"{describe_column_count(cells)}; expected {expected}"
                raise DataError(problem, hint=hint, where=where, missing="tags" if len(cells) == 1 else None)
            if max(token, tag) >= width:
                problem = f"{describe_column_count(cells)}; expected a column {max(token, tag) + 1}"
                raise DataError(problem, hint=f"Give --words and --column from 1 to {width}", where=where)
        if words:
            yield _from_words(words, token, tag)


def _lines(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[TaggedSentence]:
    sample = list(islice(lines, FIRST_LINES))
    mark = joining_mark(text for _, text in sample)
    for where, line in chain(sample, lines):
        if not line.strip():
            continue
        if mark is not None:
            yield _from_joined(line, mark, where)
            continue
        cells = line.split("\t")
        if len(cells) != 2:
            hint = "Write one sentence on each line: tokens, a tab, tags, with spaces between them"
            problem = f"{describe_column_count(cells)}; expected TOKENS TAB TAGS"
            raise DataError(problem, hint=hint, where=where, missing="tags" if len(cells) == 1 else None)
        require_no_list(cells[1], where)
        tags = cells[1].split()
        yield _tagged(split_tokens(cells[0], len(tags)), tags, (where,))


def _from_joined(line: str, mark: str, where: str) -> TaggedSentence:
    """Return the sentence of a line of words that are joined to their tags, such as `EU/B-ORG`."""
    pairs = [word.rpartition(mark) for word in line.split()]
    for token, _, tag in pairs:
        if not (token and tag):
            problem = f"the word {shorten(token + mark + tag)!r}; expected TOKEN{mark}TAG, as in the lines before"
            raise DataError(problem, hint="Give each word a tag", where=where)
    return _tagged([token for token, _, _ in pairs], [tag for _, _, tag in pairs], (where,))


def _csv(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[TaggedSentence]:
    for tokens, tags, places in read_sentence_table(lines, reader):
        yield _tagged(tokens, tags, places)


def _objects(lines: Iterator[Line], reader: ReaderConfig, notify: Notify) -> Iterator[TaggedSentence]:
    names = reader.token_column or "tokens", reader.tag_column or "tags"
    hint = f'Write an object on each line: {{"{names[0]}": ["..."], "{names[1]}": ["..."]}}'
    for where, value in read_labelled_json(lines, names, hint, "tags"):
        tokens, tags = (require_text_list(value[name], name, where, hint) for name in names)
        if tokens or tags:
            yield _tagged(tokens, tags, (where,))


_READERS: dict[str, Callable[[Iterator[Line], ReaderConfig, Notify], Iterator[TaggedSentence]]] = {
    "auto": _detected,
    "conllu": _conllu,
    "columns": _columns,
    "lines": _lines,
    "jsonl": _objects,
    "csv": _csv,
}


def _from_words(words: Sequence[tuple[str, list[str]]], token: int, tag: int) -> TaggedSentence:
    """Return the sentence of words, which have a place and columns, from two of their columns."""
    places = tuple(where for where, _ in words)
    return _tagged([cells[token] for _, cells in words], [cells[tag] for _, cells in words], places)


def _tokens_and_tags(item: Any) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """Return tokens and tags of a pair; None for those that it does not have."""
    pair = _as_tuple(item)
    if pair is None or len(pair) != 2:
        return None, None
    sentence, tags = pair[0], _as_tuple(pair[1])
    return (tuple(split_tokens(sentence, len(tags or ()))) if isinstance(sentence, str) else _as_tuple(sentence)), tags


def _as_tuple(value: Any) -> tuple[Any, ...] | None:
    """Return a list, a tuple or an array as a tuple; None for anything else, such as a text."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    return tuple(plain) if isinstance(plain, list | tuple) else None


def _tagged(tokens: Sequence[str], tags: Sequence[str], places: tuple[str, ...]) -> TaggedSentence:
    if len(tokens) != len(tags):
        problem = f"{len(tokens):,} tokens and {len(tags):,} tags; expected as many of each"
        missing = None if tags else "tags"
        raise DataError(problem, hint="Give each token a tag", where=places[0], missing=missing)
    sentence = TaggedSentence(tuple(map(clean_token, tokens)), tuple(map(clean_token, tags)), places)
    for noun, values in (("token", sentence.tokens), ("tag", sentence.tags)):
        for index, value in enumerate(values):
            if not value:
                where, missing = sentence.where(index), "tags" if noun == "tag" else None
                raise DataError(f"empty {noun}; expected text", hint="Fill it in", where=where, missing=missing)
    for index, tag in enumerate(sentence.tags):
        require_no_list(tag, sentence.where(index))
        if len(tag.split()) > 1:
            problem = f"the tag is {shorten(tag)!r}; expected a tag without spaces"
            hint = "If each line is a whole sentence, use --format lines"
            raise DataError(problem, hint=hint, where=sentence.where(index))
    return sentence

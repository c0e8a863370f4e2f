"""Tables of tagged sentences, as most people have named entities: CSV with a header, or the same with tabs or
semicolons.

    sentence_id,words,labels          a row for each token, and the name of its sentence
    Sentence #,Word,POS,Tag           the same; the name stands in the row of the first token alone
    word,tag                          the same with blank lines between sentences
    text,labels                       a row for each sentence: tokens and tags with spaces between them

--words, --column and --sentence name the columns, by their names or numbers; otherwise those of the names below are
used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from elman.data.readers.excerpts import shorten
from elman.data.readers.tables import Row, Table, describe_width, first_row_hint, joined_columns_hint, read_table
from elman.data.readers.text import Line
from elman.data.readers.token_lines import require_no_list
from elman.errors import DataError

from .config import TaggerReaderConfig as ReaderConfig

TOKEN_NAMES = ("word", "words", "token", "tokens", "form", "text", "sentence")
TAG_NAMES = ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "bio", "upos", "pos")
SENTENCE_NAMES = ("sentence_#", "sentence_id", "sent_id", "sentence_idx", "sentence", "id")
FIRST_ROWS = 1000  # which show whether a row is a sentence

TaggedTokens = tuple[list[str], list[str], tuple[str, ...]]  # tokens, tags and places


@dataclass(frozen=True, slots=True)
class SentenceColumns:
    """The columns of a table of sentences, and what a row is."""

    token: int
    tag: int | None
    sentence: int | None  # the name of the sentence; None if blank rows end the sentences
    rows_are_sentences: bool

    def cell(self, row: Row, index: int) -> str:
        """Return a cell; a row that lacks one of the columns is a DataError."""
        last = max(index, *(-1 if column is None else column for column in (self.tag, self.sentence)))
        if last >= len(row.cells):
            problem = f"has {describe_width(row.cells)}; expected at least {last + 1}"
            raise DataError(problem, hint="Fill in the row, or remove it", where=row.where)
        return row.cells[index]

    def token_cell(self, row: Row) -> str:
        """Return the token in a row, or the text of a sentence, which must not be a list of tokens."""
        cell = self.cell(row, self.token)
        if self.rows_are_sentences:
            require_no_list(cell, row.where, "text")
        return cell


def given_names(reader: ReaderConfig) -> list[str]:
    """Return the names of columns that the options give."""
    given = (reader.token_column, reader.tag_column, reader.sentence_column)
    return [name for name in given if name is not None and not name.isdecimal()]


def header_names(lines: Sequence[Line], reader: ReaderConfig) -> list[str]:
    """Return which of `tokens` and `tags` the first row of a table names."""
    given = {"tokens": reader.token_column, "tags": reader.tag_column}
    rows = read_table(iter(lines), names=given_names(reader)).peek(1)
    header = [cell.strip() for cell in rows[0].cells] if rows else []
    names = {"tokens": TOKEN_NAMES, "tags": TAG_NAMES}
    return [
        side
        for side in given
        if len(header) > 1 and (given[side] in header or _first_of(names[side], _lower(header)) is not None)
    ]


def read_sentence_table(lines: Iterator[Line], reader: ReaderConfig) -> Iterator[TaggedTokens]:
    """Yield the sentences of a table; a malformed row is a DataError."""
    table = read_table(lines, names=given_names(reader))
    columns = find_columns(table, reader)
    if columns is None or columns.tag is None:
        return
    for rows in sentence_groups(table, columns):
        filled = [row for row in rows if not row.is_blank]
        tags = [columns.cell(row, columns.tag) for row in filled]
        for row, tag in zip(filled, tags, strict=True):
            require_no_list(tag, row.where)
        tokens = [columns.token_cell(row) for row in filled]
        if columns.rows_are_sentences:
            tokens, tags = tokens[0].split(), tags[0].split()
        yield tokens, tags, tuple(row.where for row in filled)


def row_of_layout(lines: Sequence[Line], reader: ReaderConfig) -> Literal["token", "sentence"] | None:
    """Return what a row of a table is; None for a table that cannot be read."""
    try:
        columns = find_columns(read_table(iter(lines), names=given_names(reader)), reader)
    except DataError:
        return None
    return None if columns is None else "sentence" if columns.rows_are_sentences else "token"


def find_columns(
    table: Table,
    reader: ReaderConfig,
    *,
    row: Literal["token", "sentence"] | None = None,
    sample_rows: int = FIRST_ROWS,
    needs_tags: bool = True,
) -> SentenceColumns | None:
    """Take the header, and return the columns; None for an empty table.

    Tags show what a row is; without them, it is what it was in training (`row`), or a sentence if most rows have
    several words.
    """
    first_rows = [row for row in table.peek(2) if not row.is_blank]
    header = table.take_header()
    if table.header is None:
        return None
    where = table.header.where
    if len(header) == 1 and needs_tags and (hint := first_row_hint(first_rows)):
        raise DataError(
            f"the header has one column, {shorten(header[0])!r}; expected two or more", hint=hint, where=where
        )
    token = _column(header, reader.token_column, TOKEN_NAMES, "--words", where)
    tag = _tag_column(header, reader, token, where, needs_tags=needs_tags)
    sample = table.peek(sample_rows)
    filled = [row for row in sample if not row.is_blank and len(row.cells) > max(token, tag or 0)]
    if _have_sentences(filled, token, tag, row):
        return SentenceColumns(token, tag, None, rows_are_sentences=True)
    sentence: int | None = None
    if reader.sentence_column is not None:
        sentence = _column(header, reader.sentence_column, (), "--sentence", where)
    else:
        others = ["" if i in (token, tag) else name for i, name in enumerate(_lower(header))]
        sentence = _first_of(SENTENCE_NAMES, others)
        if sentence is not None and _numbers_rows(filled, sentence):
            problem = f"the column {header[sentence]!r} is different in each row; expected the names of sentences"
            raise DataError(problem, hint="Name the column of the sentences with --sentence", where=where)
    if sentence is None and len(filled) > 1 and len(filled) == len(sample):
        problem = f"the header has the columns {_listed(header)}; expected one with the names of the sentences"
        hint = "Name it with --sentence, or write a blank line between two sentences"
        raise DataError(problem, hint=hint, where=where)
    return SentenceColumns(token, tag, sentence, rows_are_sentences=False)


def sentence_groups(table: Table, columns: SentenceColumns) -> Iterator[list[Row]]:
    """Yield the rows of each sentence, and the blank rows around them.

    A sentence is a row, or ends at a blank row and where its name changes.
    """
    group: list[Row] = []
    has_tokens = False
    current = ""
    for row in table.rows():
        name = current
        if columns.sentence is not None and len(row.cells) > columns.sentence and not row.is_blank:
            name = row.cells[columns.sentence].strip() or current
        if has_tokens and not row.is_blank and (columns.rows_are_sentences or name != current):
            yield group
            group, has_tokens = [], False
        current = name
        group.append(row)
        if has_tokens and row.is_blank:
            yield group
            group, has_tokens = [], False
        has_tokens = has_tokens or not row.is_blank
    if has_tokens:
        yield group


def _tag_column(header: Sequence[str], reader: ReaderConfig, token: int, where: str, *, needs_tags: bool) -> int | None:
    """Return the index of the tags; None if the table has none and needs none."""
    try:
        tag = _column(header, reader.tag_column, TAG_NAMES, "--column", where)
    except DataError as error:
        if needs_tags:
            raise DataError(error.message, hint=error.hint, where=error.where, missing="tags") from None
        return None
    return tag if needs_tags or tag != token else None


def _have_sentences(rows: Sequence[Row], token: int, tag: int | None, row: Literal["token", "sentence"] | None) -> bool:
    """Return whether each row is a sentence; `row` is what it was in training."""
    tags = [one.cells[tag].split() for one in rows] if tag is not None else []
    if any(tags):
        return any(len(cell) > 1 for cell in tags)
    several = sum(len(one.cells[token].split()) > 1 for one in rows)
    return row == "sentence" or 2 * several > len(rows)


def _numbers_rows(rows: Sequence[Row], index: int) -> bool:
    """Return whether a column has another value in each of the rows, which are two or more."""
    values = [row.cells[index].strip() for row in rows if len(row.cells) > index]
    return len(values) > 1 and "" not in values and len(set(values)) == len(values)


def _column(header: Sequence[str], given: str | None, names: Sequence[str], flag: str, where: str) -> int:
    """Return the index of the column that is given by its name or number, or of the first one with one of the names."""
    if given is not None and given in header:
        return header.index(given)
    if given is not None and given.isdecimal() and 1 <= int(given) <= len(header):
        return int(given) - 1
    index = _first_of(names, _lower(header)) if given is None else None
    if index is None:
        expected = repr(given) if given is not None else " or ".join(names)
        problem = f"the header has the columns {_listed(header)}; expected {expected}"
        hint = joined_columns_hint(given or "", header) or f"Name a column with {flag}"
        raise DataError(problem, hint=hint, where=where)
    return index


def _first_of(names: Sequence[str], header: Sequence[str]) -> int | None:
    """Return the index of the first of these names that the header has."""
    return next((header.index(name) for name in names if name in header), None)


def _lower(names: Sequence[str]) -> list[str]:
    """Return names as the lists above have them: `sentence_#` for `Sentence #`."""
    return [name.strip().lower().replace(" ", "_") for name in names]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(shorten(name)) for name in names[:6])

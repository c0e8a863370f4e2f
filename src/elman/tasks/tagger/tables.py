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

from elman.data.readers.excerpts import shorten
from elman.data.readers.tables import Row, Table, describe_width, read_table
from elman.data.readers.text import Line
from elman.data.readers.token_lines import require_no_list
from elman.errors import DataError

from .config import TaggerReaderConfig as ReaderConfig

TOKEN_NAMES = ("word", "words", "token", "tokens", "form", "text", "sentence")
TAG_NAMES = ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "bio", "upos", "pos")
SENTENCE_NAMES = ("sentence_#", "sentence_id", "sent_id", "sentence_idx", "sentence", "id")
FIRST_ROWS = 1000  # which show whether a row is a sentence

TaggedTokens = tuple[list[str], list[str], tuple[str, ...]]  # tokens, tags and places


def names_columns(lines: Sequence[Line]) -> bool:
    """Return whether the first row of a table names columns of tokens and of tags."""
    rows = read_table(iter(lines)).peek(1)
    header = _lower(rows[0].cells) if rows else []
    return _first_of(TOKEN_NAMES, header) is not None and _first_of(TAG_NAMES, header) is not None


def read_sentence_table(lines: Iterator[Line], reader: ReaderConfig) -> Iterator[TaggedTokens]:
    """Yield the sentences of a table; a malformed row is a DataError."""
    table = read_table(lines)
    header = table.take_header()
    if table.header is None:
        return
    where = table.header.where
    token = _column(header, reader.token_column, TOKEN_NAMES, "--words", where)
    tag = _column(header, reader.tag_column, TAG_NAMES, "--column", where)
    sample = table.peek(FIRST_ROWS)
    filled = [row for row in sample if not row.is_blank and len(row.cells) > max(token, tag)]
    if any(len(row.cells[tag].split()) > 1 for row in filled):
        yield from _sentence_rows(table, token, tag)
        return
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
    yield from _token_rows(table, token, tag, sentence)


def _numbers_rows(rows: Sequence[Row], index: int) -> bool:
    """Return whether a column has another value in each of the rows, which are two or more."""
    values = [row.cells[index].strip() for row in rows if len(row.cells) > index]
    return len(values) > 1 and "" not in values and len(set(values)) == len(values)


def _sentence_rows(table: Table, token: int, tag: int) -> Iterator[TaggedTokens]:
    for row in table.rows():
        if not row.is_blank:
            _require_cells(row, max(token, tag))
            yield row.cells[token].split(), _tags(row, tag).split(), (row.where,)


def _token_rows(table: Table, token: int, tag: int, sentence: int | None) -> Iterator[TaggedTokens]:
    """Yield the sentences of rows of tokens; a sentence ends at a blank row and where its name changes."""
    tokens: list[str] = []
    tags: list[str] = []
    places: list[str] = []
    current = ""
    for row in table.rows():
        name = current
        if not row.is_blank and sentence is not None:
            _require_cells(row, sentence)
            name = row.cells[sentence].strip() or current
        if tokens and (row.is_blank or name != current):
            yield tokens, tags, tuple(places)
            tokens, tags, places = [], [], []
        current = name
        if not row.is_blank:
            _require_cells(row, max(token, tag))
            tokens.append(row.cells[token])
            tags.append(_tags(row, tag))
            places.append(row.where)
    if tokens:
        yield tokens, tags, tuple(places)


def _tags(row: Row, tag: int) -> str:
    require_no_list(row.cells[tag], row.where)
    return row.cells[tag]


def _require_cells(row: Row, index: int) -> None:
    if index >= len(row.cells):
        problem = f"has {describe_width(row.cells)}; expected at least {index + 1}"
        raise DataError(problem, hint="Fill in the row, or remove it", where=row.where)


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
        raise DataError(problem, hint=f"Name a column with {flag}", where=where)
    return index


def _first_of(names: Sequence[str], header: Sequence[str]) -> int | None:
    """Return the index of the first of these names that the header has."""
    return next((header.index(name) for name in names if name in header), None)


def _lower(names: Sequence[str]) -> list[str]:
    """Return names as the lists above have them: `sentence_#` for `Sentence #`."""
    return [name.strip().lower().replace(" ", "_") for name in names]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(shorten(name)) for name in names[:6])

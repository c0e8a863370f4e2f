"""Lines of tokens, with or without tags: the formats, their detection, and reading one sentence.

    conllu    ten columns separated by tabs (or by spaces, in lines without tabs), a blank line after each sentence
    columns   one token a line: the first column is the token, the last one the tag; a blank line between sentences
    lines     one sentence a line: TOKENS TAB TAGS, or TOKEN/TAG TOKEN/TAG ...
    jsonl     one object a line: {"tokens": [...], "tags": [...]}

The first line that is neither blank nor a comment (`#`) decides the format. Columns are separated by tabs, or by spaces
in a line without tabs. A line `-DOCSTART-` is skipped. A block is the lines of one sentence: the lines between two
blank lines in conllu and columns, a single line in lines and jsonl. What else the first sentences show of a file of
columns, comments and numbers of tokens, is in column_layout.py.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from elman.errors import ConfigError, DataError

from .column_layout import ColumnLayout, split_columns
from .excerpts import shorten, shorten_json
from .text import Line, replace_surrogates

Format = Literal["auto", "conllu", "columns", "lines", "jsonl", "csv"]
Word = tuple[str, list[str]]  # the place and the columns of a token

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
DOCUMENT_START = "-DOCSTART-"
_ITEM = r"""('[^']*'|"[^"]*"|-?\d+\.?\d*)"""  # as NumPy writes texts and numbers
_NUMPY_LIST = re.compile(rf"\[\s*{_ITEM}(\s+{_ITEM})+\s*\]")
_WORD_ID = re.compile(r"\d+")
_SKIPPED_ID = re.compile(r"\d+-\d+|\d+\.\d+")  # a range of a multiword token, or an empty node
_ANY_ID = re.compile(r"\d+([-.]\d+)?")


def detect_format(line: str) -> Format:
    """Return the format of a file of tagged sentences from its first line that is neither blank nor a comment."""
    if line.lstrip().startswith("{") and _is_json_object(line):
        return "jsonl"
    cells = split_conllu(line)
    if len(cells) == len(CONLLU) and _ANY_ID.fullmatch(cells[0]):
        return "conllu"
    cells = line.split("\t")
    num_tags = len(cells[1].split()) if len(cells) == 2 else 0
    if num_tags > 1 and len(split_tokens(cells[0], num_tags)) == num_tags:
        return "lines"
    return "columns"


def is_blank_or_comment(line: str) -> bool:
    """Return whether a line is blank or a comment, as CoNLL-U writes them."""
    return not line.strip() or line.startswith("#")


def split_tokens(text: str, num_tags: int) -> list[str]:
    """Return the words of the text, or its characters if only these are as many as the tags."""
    words = text.split()
    characters = list("".join(words))
    return characters if len(characters) == num_tags != len(words) else words


def joining_mark(texts: Iterable[str]) -> str | None:
    """Return the mark, `/` or `_`, that joins each word of all lines to a tag, as in `EU/B-ORG`; None if none does."""
    words = [word for text in texts for word in text.split()]
    are_joined = {mark: bool(words) and all(map(re.compile(rf".+{mark}[^{mark}]+").fullmatch, words)) for mark in "/_"}
    return next((mark for mark, is_joined in are_joined.items() if is_joined), None)


def sentence_blocks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Yield the lines between blank lines."""
    block: list[Line] = []
    for where, line in lines:
        if line.strip():
            block.append((where, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def read_conllu_tokens(block: Sequence[Line], token_column: str | None = None) -> list[str]:
    """Return the tokens of a sentence of CoNLL-U, whose tags are ignored; a malformed line is a DataError."""
    index = conllu_column_index(token_column or "form")
    return _tokens(read_conllu_words(block), index)


def read_column_tokens(
    block: Sequence[Line], token_column: str | None = None, layout: ColumnLayout | None = None
) -> list[str]:
    """Return the tokens of a sentence of columns, whose tags are ignored; a line without a token is a DataError.

    Without a layout of the file, that of the sentence is used.
    """
    layout = layout or ColumnLayout.of([[line for _, line in block]])
    return _tokens(read_column_words(block, layout), column_number(token_column, "--words", layout.token_index + 1) - 1)


def _tokens(words: Sequence[Word], index: int) -> list[str]:
    """Return a column of words; an empty cell is a DataError."""
    for where, cells in words:
        if index >= len(cells):
            problem = f"{describe_column_count(cells)}; expected a token in column {index + 1}"
            raise DataError(problem, hint="Name another column with --words", where=where)
        if not clean_token(cells[index]):
            raise DataError("empty token; expected text", hint="Fill in the token, or remove it", where=where)
    return [clean_token(cells[index]) for _, cells in words]


def read_conllu_words(sentence: Iterable[Line]) -> list[Word]:
    """Return the place and the ten columns of each word of a CoNLL-U sentence; a malformed line is a DataError."""
    words: list[Word] = []
    for where, line in sentence:
        cells = split_conllu(line)
        if line.startswith("#") or (len(cells) == len(CONLLU) and _SKIPPED_ID.fullmatch(cells[0])):
            continue
        if len(cells) != len(CONLLU):
            problem = f"{describe_column_count(cells)}; expected ten columns, separated by tabs"
            raise DataError(problem, hint="If the file is not CoNLL-U, name its format with --format", where=where)
        if not _WORD_ID.fullmatch(cells[0]) or int(cells[0]) != len(words) + 1:
            problem = f"the ID is {shorten(cells[0])!r}; expected {len(words) + 1}"
            hint = "Add the missing line, or the blank line between two sentences"
            raise DataError(problem, hint=hint, where=where)
        words.append((where, cells))
    return words


def read_column_words(block: Sequence[Line], layout: ColumnLayout) -> list[Word]:
    """Return the place and the columns of each token of a sentence in the format `columns`."""
    tokens = block[layout.count_comments([line for _, line in block]) :]
    words = [(where, split_columns(line)) for where, line in tokens]
    return [word for word in words if word[1][0] != DOCUMENT_START]


def split_conllu(line: str) -> list[str]:
    """Return the columns of a line of CoNLL-U; some programs replace its tabs by spaces."""
    return line.split("\t") if "\t" in line else line.split()


def require_no_list(cell: str, where: str, noun: Literal["tag", "text"] = "tag") -> None:
    """Raise a DataError if a cell holds a list or an object of JSON, Python or NumPy: `["B-PER", "O"]` or `[1 0]`."""
    cell = cell.strip()
    if len(cell) < 3 or (cell[0], cell[-1]) not in (("[", "]"), ("{", "}")):
        return
    if _NUMPY_LIST.fullmatch(cell) or _is_list(cell):
        expected = "tags with spaces between them" if noun == "tag" else "words with spaces between them"
        problem = f"the {noun} is {shorten(cell)!r}, a list; expected {expected}"
        hint = 'For lists, write JSON lines: {"tokens": ["..."], "tags": ["..."]}'
        raise DataError(problem, hint=hint, where=where)


def _is_list(cell: str) -> bool:
    for read in (json.loads, ast.literal_eval):
        try:
            if isinstance(read(cell), list | dict):
                return True
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return False


def require_text_list(value: Any, name: str, where: str, hint: str) -> list[str]:
    """Return the value of a JSON key if it is a list of text; any other value is a DataError."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(f'"{name}" is {shorten_json(value)}; expected a list of text', hint=hint, where=where)
    return value


def clean_token(text: str) -> str:
    """Return a token or tag without surrounding spaces and tabs; other white space may be a token."""
    return replace_surrogates(text.strip(" \t"))


def conllu_column_index(name: str) -> int:
    """Return the index of a CoNLL-U column from its name, or from its number, which counts from 1."""
    if name.lower() in CONLLU:
        return CONLLU.index(name.lower())
    if name.isdecimal() and 1 <= int(name) <= len(CONLLU):
        return int(name) - 1
    raise ConfigError(f"CoNLL-U has no column {name!r}; expected one of {', '.join(CONLLU)}")


def column_number(text: str | None, flag: str, default: int) -> int:
    """Return the number of a column, which counts from 1; the default 0 stands for the last column."""
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        hint = "Names of columns work for CSV, CoNLL-U and JSON Lines; set --format for them"
        raise ConfigError(f"{flag} is {text!r}; expected the number of a column, from 1", hint=hint)
    return int(text)


def describe_column_count(cells: Sequence[str]) -> str:
    """Return the number of columns for a message, such as `one column`."""
    return "one column" if len(cells) == 1 else f"{len(cells)} columns"


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False

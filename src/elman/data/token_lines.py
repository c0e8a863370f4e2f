"""Lines of tokens: which format they are in, and what a block of them holds, with tags beside the tokens or without.

The format is told by the first line that is neither blank nor a comment (`#`). Columns are separated by tabs or, in a
line without any, by spaces; the first holds the token and the last the tag, unless others are named. A line -DOCSTART-
is no token. A block is what stands between blank lines, a sentence of conllu and columns; of the others, a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from elman.errors import ConfigError, DataError

from .readers import Line
from .records import objects, shown, shown_json

Format = Literal["auto", "conllu", "columns", "lines", "jsonl"]

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
DOCUMENT_START = "-DOCSTART-"
_SPACES = re.compile(" +")
_WORD = re.compile(r"\d+")
_NO_WORD = re.compile(r"\d+-\d+|\d+\.\d+")  # a range of a multiword token, an empty node


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
            raise DataError(f"has {counted(cells)}, expected ten, separated by tabs", hint=hint, where=where)
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
    words = conllu_words(block) if format == "conllu" else column_words(block)
    token = of_conllu(token_column or "form") if format == "conllu" else of_columns(token_column, "--words", 1) - 1
    for where, cells in words:
        if token >= len(cells):
            raise DataError(f"has no column {token + 1}", hint="--words names another", where=where)
        if not clean(cells[token]):
            raise DataError("has an empty token", hint="fill it in", where=where)
    return [clean(cells[token]) for _, cells in words] or None


def column_words(block: Iterable[Line]) -> list[tuple[str, list[str]]]:
    """Return the place and the columns of each token of a sentence."""
    words = [(where, line.split("\t") if "\t" in line else _SPACES.split(line.strip(" "))) for where, line in block]
    return [each for each in words if each[1][0] != DOCUMENT_START]


def text_list(value: Any, name: str, where: str, expected: str) -> list[str]:
    """Return the value of a key that holds a list of text; anything else is a DataError."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise DataError(f'"{name}" is {shown_json(value)}, expected a list of text', hint=expected, where=where)
    return value


def _token_list(value: Any, name: str, where: str, expected: str) -> list[str] | None:
    tokens = [clean(each) for each in text_list(value, name, where, expected)]
    if not all(tokens):
        raise DataError("has an empty token", hint="fill it in", where=where)
    return tokens or None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def clean(text: str) -> str:
    """Return a token or tag without spaces and tabs around it; other spaces are characters, and may be tokens."""
    return text.strip(" \t").encode("utf-8", "replace").decode("utf-8")


def blocks(lines: Iterator[Line]) -> Iterator[list[Line]]:
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


def of_conllu(name: str) -> int:
    """Return the place of a column of CoNLL-U, by its name or its number from 1."""
    if name.lower() in CONLLU:
        return CONLLU.index(name.lower())
    if name.isdecimal() and 1 <= int(name) <= len(CONLLU):
        return int(name) - 1
    raise ConfigError(f"CoNLL-U has no column {name!r}: choose {', '.join(CONLLU)}")


def of_columns(number: str | None, flag: str, otherwise: int) -> int:
    """Return the number of a column, counted from 1; 0 is the last."""
    if number is None:
        return otherwise
    if not number.isdecimal() or int(number) < 1:
        hint = "names are for CoNLL-U and JSON Lines; see --format"
        raise ConfigError(f"{flag}: given {number!r}, expected the number of a column, from 1", hint=hint)
    return int(number)


def counted(cells: Sequence[str]) -> str:
    """Return the number of columns in words."""
    return "one column" if len(cells) == 1 else f"{len(cells)} columns"

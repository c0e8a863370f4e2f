"""Pronouncing dictionaries: a word and the symbols of its pronunciation on each line.

    CMUdict            `WORD  HH AH0`, with two spaces; `;;;` begins a comment, `WORD(1)` is another pronunciation of
                       WORD, and ` # ...` ends a line with a remark
    Kaldi, Sequitur    `WORD HH AH0`, with a space or a tab; lexiconp.txt has a probability after the word, which is
                       not used

A word ends at the first tab, or at the first space of a line without tabs. A file is taken for a pronouncing
dictionary if it begins with `;;;`; if each source such as WORD(1) comes right after WORD or another pronunciation of
it; or if it has no tabs, its lines begin with different words, and the rest are short symbols that repeat.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from elman.data.readers.excerpts import shorten
from elman.data.readers.text import Line
from elman.errors import DataError

COMMENT = ";;;"
MIN_ENTRIES = 10  # of a file without tabs that is taken for a pronouncing dictionary
MAX_SYMBOLS, MAX_SYMBOL_LENGTH, MIN_SYMBOL_REPEATS = 200, 4, 3
_VARIANT = re.compile(r"(.+)\((\d+)\)")
_PROBABILITY = re.compile(r"[01]?\.\d+")
_REMARK = re.compile(r"\s#(\s.*)?$")


def looks_like_lexicon(lines: Sequence[str]) -> bool:
    """Return whether the first lines of a file are those of a pronouncing dictionary."""
    entries = [line for line in lines if line.strip() and not line.startswith(COMMENT)]
    if any(line.startswith(COMMENT) for line in lines):
        return all(_split(line)[1] for line in entries)
    if any("\t" in line for line in entries):
        return _has_variants([line.split("\t")[0].strip() for line in entries])
    first = int(_has_probabilities(entries))
    words, symbols = [], Counter[str]()
    for line in entries:
        word, rest = _split(line)
        if not rest:
            return False
        words.append(word)
        symbols.update(rest[first:])
    short = sum(count for symbol, count in symbols.items() if len(symbol) <= MAX_SYMBOL_LENGTH)
    return (
        len(words) >= MIN_ENTRIES
        and len(set(words)) >= 0.8 * len(words)
        and len(symbols) <= MAX_SYMBOLS
        and symbols.total() >= MIN_SYMBOL_REPEATS * len(symbols)
        and short >= 0.9 * symbols.total()
    )


def read_lexicon(lines: Iterable[Line], sample: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield word, pronunciation and place of each entry; a word without symbols is a DataError.

    sample are the first lines, which show whether a probability follows each word.
    """
    has_probabilities = _has_probabilities(sample)
    for where, line in lines:
        if not line.strip() or line.startswith(COMMENT):
            continue
        word, symbols = _split(line)
        if has_probabilities:
            symbols = symbols[1:]
        if not symbols:
            hint = "Write the word, a space or a tab, and its symbols with spaces between them"
            raise DataError(f"{shorten(word)!r} has no pronunciation; expected symbols", hint=hint, where=where)
        yield _without_number(word), " ".join(symbols), where


def _split(line: str) -> tuple[str, list[str]]:
    """Return the word and the symbols of an entry."""
    line = _REMARK.sub("", line)
    word, _, rest = line.strip().partition("\t") if "\t" in line else line.strip().partition(" ")
    return word.strip(), rest.split()


def _has_variants(words: Sequence[str]) -> bool:
    """Return whether there are words such as WORD(1), each after WORD or another variant of it."""
    variants = [(match, before) for before, word in pairwise(words) if (match := _VARIANT.fullmatch(word))]
    return bool(variants) and all(match[1] == _without_number(before) for match, before in variants)


def _without_number(word: str) -> str:
    """Return WORD for WORD(1)."""
    variant = _VARIANT.fullmatch(word)
    return variant[1] if variant else word


def _has_probabilities(lines: Sequence[str]) -> bool:
    entries = [_split(line)[1] for line in lines if line.strip() and not line.startswith(COMMENT)]
    return bool(entries) and all(len(rest) > 1 and _PROBABILITY.fullmatch(rest[0]) for rest in entries)

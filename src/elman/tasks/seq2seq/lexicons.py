"""Pronouncing dictionaries: a word and the symbols of its pronunciation on each line.

    CMUdict            `WORD  HH AH0`, with two spaces; `;;;` begins a comment, `WORD(1)` is another pronunciation of
                       WORD, and ` # ...` ends a line with a remark
    Kaldi, Sequitur    `WORD HH AH0`, with a space or a tab; after the word, lexiconp.txt has a probability and
                       lexiconp_silprob.txt four numbers, which are not used
    MFA                the same with tabs: `WORD TAB 0.99 TAB HH AH0`

A word ends at the first tab, or at the first space of a line without tabs. A file is taken for a pronouncing
dictionary if it begins with `;;;`; if each source such as WORD(1) comes right after WORD or another pronunciation of
it; or if its lines begin with different words, and the rest are short symbols that repeat. A file with tabs must also
have numbers after the words, because all else would be a table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from elman.data.readers.excerpts import shorten
from elman.data.readers.text import Line
from elman.errors import DataError

LEXICON = "lexicon"  # the name of the format
COMMENT = ";;;"
MIN_ENTRIES = 10  # of a file that is taken for a pronouncing dictionary
MAX_SYMBOLS, MAX_SYMBOL_LENGTH, MIN_SYMBOL_REPEATS = 200, 4, 3
_VARIANT = re.compile(r"(.+)\((\d+)\)")
_NUMBER = re.compile(r"\d+|\d*\.\d+")
_REMARK = re.compile(r"\s#(\s.*)?$")


def looks_like_lexicon(lines: Sequence[str]) -> bool:
    """Return whether the first lines of a file are those of a pronouncing dictionary."""
    entries = _entries(lines)
    if any(line.startswith(COMMENT) for line in lines):
        return all(_split(line)[1] for line in entries)
    first = _count_numbers(entries)
    if any("\t" in line for line in entries) and not first:
        return _has_variants([line.split("\t")[0].strip() for line in entries])
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


def has_pronunciations(lines: Sequence[str], known: frozenset[str]) -> bool:
    """Return whether each entry among the first lines of a file has a pronunciation, all of known symbols."""
    entries = _entries(lines)
    first = _count_numbers(entries)
    symbols = [_split(line)[1][first:] for line in entries]
    return bool(entries) and all(rest and set(rest) <= known for rest in symbols)


def word_of(line: str) -> str | None:
    """Return the word of an entry, which may lack a pronunciation; None for a line without an entry."""
    return _without_number(_split(line)[0]) if _entries([line]) else None


def are_numbers(symbols: Iterable[str]) -> bool:
    """Return whether all symbols are numbers, as they stand between a word and its pronunciation."""
    return all(map(_NUMBER.fullmatch, symbols))


def read_lexicon(lines: Iterable[Line], sample: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield word, pronunciation and place of each entry; a word without symbols is a DataError.

    sample are the first lines, which show how many numbers follow each word.
    """
    num_numbers = _count_numbers(_entries(sample))
    for where, line in lines:
        if not _entries([line]):
            continue
        word, symbols = _split(line)
        if not are_numbers(symbols[:num_numbers]):
            problem = f"{shorten(word)!r} is followed by {shorten(' '.join(symbols[:num_numbers]))!r}"
            hint = "Give all words a probability, or none"
            raise DataError(f"{problem}; expected numbers, as in the lines before", hint=hint, where=where)
        if not symbols[num_numbers:]:
            hint = "Write the word, a space or a tab, and its symbols with spaces between them"
            raise DataError(f"{shorten(word)!r} has no pronunciation; expected symbols", hint=hint, where=where)
        yield _without_number(word), " ".join(symbols[num_numbers:]), where


def _entries(lines: Iterable[str]) -> list[str]:
    """Return the lines that are neither blank nor comments."""
    return [line for line in lines if line.strip() and not line.startswith(COMMENT)]


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


def _count_numbers(entries: Sequence[str]) -> int:
    """Return how many numbers follow the word in all entries, of which the first is a probability, such as 0.9."""
    rests = [_split(line)[1] for line in entries]
    count = 0
    while rests and all(len(rest) > count + 1 and _NUMBER.fullmatch(rest[count]) for rest in rests):
        count += 1
    return count if any("." in rest[0] for rest in rests if rest) else 0

"""Subwords by byte-pair encoding (Sennrich et al., 2016): a frequent word is one token, a rare word several.

A word is a run of characters between spaces, marked with `▁`. It has one or more pieces: a run of letters, with the
apostrophes inside of it, a single digit, and a punctuation mark, which may be repeated: `▁it's` `.`, `▁2` `0` `%`. A
piece is first split into characters. Then the adjacent pair with the earliest merge is merged everywhere in the piece,
and so on until no pair has a merge: subwords never contain both letters and punctuation. Decoding joins them and
replaces `▁` by a space, so the text is the original one, but for runs of spaces. Words are never unknown; only
characters can be.

The package tokenizers (the extra `bpe`) learns the merges; to split and join text, it is not needed.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Sequence

from .tokenizers import Decoder, combining_marks

WORD_START = "▁"
_CACHED_WORDS = 100_000


def learn_merges(texts: Iterable[str], size: int) -> tuple[str, ...]:
    """Return the merges `left right` of a vocabulary of about `size` subwords, including characters."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marked_texts = (" ".join(piece for word in _mark_words(text) for piece in _pieces(word)) for text in texts)
    tokenizer.train_from_iterator(marked_texts, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    return tuple(" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"])


class SubwordTokenizer:
    """Splits words into subwords."""

    def __init__(self, merges: Sequence[str]) -> None:
        """Create a tokenizer from merges in the order of learning; a merge that is not a pair is a ValueError."""
        pairs = [tuple(merge.split(" ")) for merge in merges]
        for merge, pair in zip(merges, pairs, strict=True):
            if len(pair) != 2 or not all(pair):
                raise ValueError(f"invalid merge {merge!r}; expected two subwords separated by a space")
        self._rank_of = {pair: rank for rank, pair in enumerate(pairs)}
        self._subwords_of: dict[str, list[str]] = {}

    def split(self, text: str) -> list[str]:
        return [subword for word in _mark_words(text) for subword in self._split_word(word)]

    def decoder(self) -> Decoder:
        return SubwordDecoder()

    def _split_word(self, word: str) -> list[str]:
        subwords = self._subwords_of.get(word)
        if subwords is None:
            if len(self._subwords_of) >= _CACHED_WORDS:
                self._subwords_of.clear()
            pieces = [self._apply_merges(list(piece)) for piece in _pieces(word)]
            subwords = self._subwords_of[word] = list(itertools.chain.from_iterable(pieces))
        return subwords

    def _apply_merges(self, subwords: list[str]) -> list[str]:
        no_merge = len(self._rank_of)
        while len(subwords) > 1:
            ranks = [self._rank_of.get(pair, no_merge) for pair in itertools.pairwise(subwords)]
            best = min(ranks)
            if best == no_merge:
                break
            merged, index = [], 0
            while index < len(subwords):
                is_merged = index < len(ranks) and ranks[index] == best
                merged.append(subwords[index] + subwords[index + 1] if is_merged else subwords[index])
                index += 1 + is_merged
            subwords = merged
        return subwords


class SubwordDecoder:
    """Joins subwords, with a space before each word but the first."""

    def __init__(self) -> None:
        self._has_begun = False

    def push(self, token: str) -> str:
        text = token.replace(WORD_START, " ")
        if not self._has_begun:
            text = text.removeprefix(" ")
        self._has_begun = True
        return text

    def flush(self) -> str:
        return ""


@functools.cache
def _piece_pattern() -> re.Pattern[str]:
    letters = rf"(?:[^\W\d_][{combining_marks()}]*)+"
    return re.compile(rf"{WORD_START}?(?:{letters}(?:['’]{letters})*|\d|(.)\1*)", re.DOTALL)


def _pieces(word: str) -> list[str]:
    """Return the pieces of a marked word; the mark belongs to the first one."""
    return [match.group() for match in _piece_pattern().finditer(word)]


def _mark_words(text: str) -> list[str]:
    """Return the marked words of a text; a mark in the text itself counts as a space."""
    return [WORD_START + word for word in text.replace(WORD_START, " ").split()]

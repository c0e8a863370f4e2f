"""Subwords: frequent words whole, rare ones in pieces, by byte-pair encoding (Sennrich et al., 2016).

A word is what stands between spaces, written with `▁` before it: `▁lowest`. It begins as characters, and the pair of
neighbours that was merged first in training is merged first, everywhere in the word, until no pair is known. Decoding
turns each `▁` into a space. So no word is unknown, only characters are.

Merges are learned by the package tokenizers (the extra `bpe`); to cut and to join needs nothing.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence

from .tokenizers import Decoder

WORD_START = "▁"
_CACHED_WORDS = 100_000


def learn_merges(texts: Iterable[str], size: int) -> tuple[str, ...]:
    """Return the merges, `left right`, of a vocabulary of about `size` subwords, characters included."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marked = (" ".join(_marked(text)) for text in texts)
    learner.train_from_iterator(marked, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    return tuple(" ".join(pair) for pair in json.loads(learner.to_str())["model"]["merges"])


class SubwordTokenizer:
    """Cuts words into the pieces that merges make."""

    def __init__(self, merges: Sequence[str]) -> None:
        """Take merges in the order in which they were learned; one that is no pair is a ValueError."""
        pairs = [tuple(merge.split(" ")) for merge in merges]
        wrong = next(
            (merge for merge, pair in zip(merges, pairs, strict=True) if len(pair) != 2 or not all(pair)), None
        )
        if wrong is not None:
            raise ValueError(f"a merge is two subwords with a space between, given {wrong!r}")
        self._rank_of = {pair: rank for rank, pair in enumerate(pairs)}
        self._pieces_of: dict[str, list[str]] = {}

    def split(self, text: str) -> list[str]:
        return [piece for word in _marked(text) for piece in self._pieces(word)]

    def decoder(self) -> Decoder:
        return SubwordDecoder()

    def _pieces(self, word: str) -> list[str]:
        found = self._pieces_of.get(word)
        if found is None:
            if len(self._pieces_of) >= _CACHED_WORDS:
                self._pieces_of.clear()
            found = self._pieces_of[word] = self._merged(list(word))
        return found

    def _merged(self, pieces: list[str]) -> list[str]:
        never = len(self._rank_of)
        while len(pieces) > 1:
            ranks = [self._rank_of.get(pair, never) for pair in itertools.pairwise(pieces)]
            best = min(ranks)
            if best == never:
                break
            merged, place = [], 0
            while place < len(pieces):
                here = place < len(ranks) and ranks[place] == best
                merged.append(pieces[place] + pieces[place + 1] if here else pieces[place])
                place += 1 + here
            pieces = merged
        return pieces


class SubwordDecoder:
    """Puts pieces together; where a word starts, a space."""

    def __init__(self) -> None:
        self._begun = False

    def push(self, token: str) -> str:
        text = token.replace(WORD_START, " ")
        if not self._begun:
            text = text.removeprefix(" ")
        self._begun = True
        return text

    def flush(self) -> str:
        return ""


def _marked(text: str) -> list[str]:
    """The words of a text, each with its mark; a mark within a text is taken for a space."""
    return [WORD_START + word for word in text.replace(WORD_START, " ").split()]

"""Batches of sentences for a token encoder: the word id of each token and, optionally, the characters of each.

A token that occurs several times in a batch is encoded from characters only once: a batch contains the characters of
its distinct tokens, and for each token the index of its distinct token.

    words          the cat the        2 5 2
    token_index                       1 0 1          rows of ids, which are sorted by descending length
    ids            c a t  /  t h e
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.text import Vocabulary

from .padded import IdLists, pad_ids

Ids = npt.NDArray[np.int64]

MAX_CHARACTERS = 1_000  # of a token that are read: all tokens of a batch are padded to the longest one


class TokenCharacters(NamedTuple):
    """Character ids (U, S) of distinct tokens, by descending length (U,), and each token's row in them (B, T)."""

    token_index: Ids
    ids: Ids
    lengths: Ids


class TokenBatch(NamedTuple):
    """Word ids (B, T) of sentences in descending order of length, the lengths (B,), and the tokens' characters."""

    words: Ids
    lengths: Ids
    characters: TokenCharacters | None


@dataclass(frozen=True, slots=True)
class TokenIds:
    """Word ids and distinct-token ids of each sentence, and the character ids of each distinct token.

    The last two are None for a model without characters.
    """

    words: IdLists
    distinct_tokens: IdLists | None
    characters: IdLists | None

    @classmethod
    def from_tokens(
        cls,
        sentences: Iterable[Sequence[str]],
        normalize: Callable[[str], str],
        words: Vocabulary,
        characters: Vocabulary | None,
    ) -> TokenIds:
        """Look up the tokens; `normalize` is applied before the look-up of a word, not of its characters."""
        number_of: dict[str, int] = {}
        numbers = [
            np.array([number_of.setdefault(token, len(number_of)) for token in tokens], np.int64)
            for tokens in sentences
        ]
        word_ids = words.encode(map(normalize, number_of))
        sentence_words = IdLists.from_arrays(word_ids[sentence] for sentence in numbers)
        if characters is None:
            return cls(sentence_words, None, None)
        character_ids = (characters.encode(token[:MAX_CHARACTERS]) for token in number_of)
        return cls(sentence_words, IdLists.from_arrays(numbers), IdLists.from_arrays(character_ids))

    def __len__(self) -> int:
        return len(self.words)

    def batch(self, rows: Sequence[int] | Ids) -> TokenBatch:
        """Return the batch of the sentences `rows`, which are in descending order of length."""
        words, lengths = pad_ids(self.words, rows)
        if self.distinct_tokens is None or self.characters is None:
            return TokenBatch(words, lengths, None)
        is_token = np.arange(words.shape[1]) < lengths[:, None]
        distinct, inverse = np.unique(pad_ids(self.distinct_tokens, rows)[0][is_token], return_inverse=True)
        longest_first = np.argsort(-self.characters.lengths[distinct], kind="stable")
        token_index = np.zeros_like(words)
        token_index[is_token] = np.argsort(longest_first)[inverse]
        return TokenBatch(
            words, lengths, TokenCharacters(token_index, *pad_ids(self.characters, distinct[longest_first]))
        )

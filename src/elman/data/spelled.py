"""Lists of tokens as ids for what reads tokens: each one's word and, where it is to be spelled, its characters.

A form is a token as it stands. Forms that come again are spelled once: a batch holds the characters of its different
forms, and for each token the place of its own.

    words    the cat the        2 5 2
    places                      1 0 1          of the rows of characters, which fall in length
    characters                  c a t  /  t h e
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


class Spelling(NamedTuple):
    """The characters (U, S) of different forms, whose lengths (U,) fall, and the place (B, T) of each token's form."""

    places: Ids
    characters: Ids
    lengths: Ids


class TokenBatch(NamedTuple):
    """Words (B, T) of lists that fall in length, the lengths (B,), and how the words are spelled."""

    words: Ids
    lengths: Ids
    spelling: Spelling | None


@dataclass(frozen=True, slots=True)
class TokenIds:
    """Of each list the words and the forms as ids; of each form its characters. None of these where none is spelled."""

    words: IdLists
    forms: IdLists | None
    characters: IdLists | None

    @classmethod
    def of(
        cls,
        lists: Iterable[Sequence[str]],
        word: Callable[[str], str],
        words: Vocabulary,
        characters: Vocabulary | None,
    ) -> TokenIds:
        """Take tokens, how each is looked up, and the vocabularies; without one of characters, none is spelled."""
        number: dict[str, int] = {}
        forms = [np.array([number.setdefault(token, len(number)) for token in tokens], np.int64) for tokens in lists]
        word_of = words.encode(map(word, number))
        looked_up = IdLists.of(word_of[each] for each in forms)
        if characters is None:
            return cls(looked_up, None, None)
        return cls(looked_up, IdLists.of(forms), IdLists.of(map(characters.encode, number)))

    def __len__(self) -> int:
        return len(self.words)

    def batch(self, rows: Sequence[int] | Ids) -> TokenBatch:
        """Return the batch of these lists, which fall in length."""
        words, lengths = pad_ids(self.words, rows)
        if self.forms is None or self.characters is None:
            return TokenBatch(words, lengths, None)
        inside = np.arange(words.shape[1]) < lengths[:, None]
        forms, number = np.unique(pad_ids(self.forms, rows)[0][inside], return_inverse=True)
        longest_first = np.argsort(-self.characters.lengths[forms], kind="stable")
        places = np.zeros_like(words)
        places[inside] = np.argsort(longest_first)[number]
        return TokenBatch(words, lengths, Spelling(places, *pad_ids(self.characters, forms[longest_first])))

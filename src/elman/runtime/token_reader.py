"""Tokens to what a tagger's layers read: each one's word, looked up, and its characters, read both ways.

    x_t = [ words[w_t] ; last outputs of the characters of token t, forwards and backwards ]

Tokens that are spelled alike are read once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.data.padded import IdLists, buckets, pad_ids
from elman.data.tagged_corpus import TokenConfig
from elman.text import Vocabulary

from .stack import Stack, take
from .tagger_config import TaggerConfig

Array = npt.NDArray[Any]

BATCH_CHARACTERS = 1 << 14  # read together, padding counted


class TokenReader:
    """Words by their embedding, characters by a recurrent layer; weights are named `words.*` and `characters.*`."""

    def __init__(
        self, config: TaggerConfig, text: TokenConfig, words: Vocabulary, characters: Vocabulary, tensors: Tensors
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self._text, self._words, self._characters = text, words, characters
        self._embedding = take(tensors, "words.weight", (len(words), config.embedding_size))
        self._size = config.character_size
        self._speller: Stack | None = None
        if config.character_size:
            E = config.character_embedding_size
            embedding = take(tensors, "characters.embedding.weight", (len(characters), E))
            sizes = [config.character_size]
            self._speller = Stack(
                config.build_cell(), tensors, E, sizes, embedding, prefix="characters.", bidirectional=True
            )

    def knows(self, token: str) -> bool:
        """Whether a token's word is in the vocabulary."""
        return self._text.word(token) in self._words

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """Return what is not known of tokens: characters, or words of a model that reads no characters."""
        if self._speller:
            return [each for each in dict.fromkeys("".join(tokens)) if each not in self._characters]
        return [each for each in dict.fromkeys(tokens) if not self.knows(each)]

    def read(self, tokens: Sequence[str]) -> Array:
        """Return x (N, I) of tokens (N,)."""
        number: dict[str, int] = {}
        forms = np.array([number.setdefault(token, len(number)) for token in tokens], np.int64)
        x = self._embedding[self._words.encode(map(self._text.word, number))]
        if self._speller:
            x = np.concatenate([x, self._spelled(self._speller, list(number))], axis=1)
        found: Array = x[forms]
        return found

    def _spelled(self, speller: Stack, forms: Sequence[str]) -> Array:
        """The last outputs (N, 2 H) of the characters of tokens, forwards and backwards."""
        found = np.zeros((len(forms), 2 * self._size), self._embedding.dtype)
        for rows in buckets([len(form) for form in forms], BATCH_CHARACTERS):
            lists = IdLists.of(self._characters.encode(forms[row]) for row in rows)
            ids, lengths = pad_ids(lists, np.arange(len(rows)))
            if not ids.shape[1]:
                continue  # tokens of nothing
            _, last = speller.run(ids, speller.initial_state(len(rows)), lengths)
            ends = [last[f"characters.layers.0.h{ending}"] for ending in ("", "_reverse")]
            found[rows] = np.concatenate(ends, axis=1)
        return found

"""Tokens to the outputs of layers, which read each one's word, looked up, and its characters, read both ways.

    x_t        = [ words[w_t] ; last outputs of the characters of token t, forwards and backwards ]
    h_1 .. h_T = layers(x_1 .. x_T)

Tokens that are spelled alike are read once. Where characters are not read, x_t is the row of an embedding, and the
layers are given its number. tasks/reading.py and nn/token_reader.py are the same for torch, with derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.data.padded import IdLists, buckets, pad_ids
from elman.text import Vocabulary

from .reader_config import ReaderConfig
from .stack import Stack, State, take

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]

BATCH_CHARACTERS = 1 << 14  # read together, padding counted
SPELLER = "tokens.characters."  # of the names of the weights


class TokenEncoder:
    """Words, their characters, and the recurrent layers above; weights are named `tokens.*` and `layers.*`."""

    def __init__(
        self,
        config: ReaderConfig,
        tensors: Tensors,
        words: Vocabulary,
        characters: Vocabulary,
        word: Callable[[str], str],
    ) -> None:
        """Take weights by name, and the word that a token is looked up as; a wrong shape is a ModelError."""
        self._words, self._characters, self._word = words, characters, word
        E, sizes = config.embedding_size, [config.hidden_size] * config.num_layers
        self._embedding = take(tensors, "tokens.words.weight", (len(words), E))
        self._output_size, self._character_size = config.output_size, config.character_size
        self._speller: Stack | None = None
        if config.character_size:
            of_characters = take(
                tensors, f"{SPELLER}embedding.weight", (len(characters), config.character_embedding_size)
            )
            self._speller = Stack(
                config.build_cell(),
                tensors,
                config.character_embedding_size,
                [config.character_size],
                of_characters,
                prefix=SPELLER,
                bidirectional=True,
            )
        looked_up = None if self._speller else self._embedding
        self._layers = Stack(
            config.build_cell(), tensors, config.input_size, sizes, looked_up, bidirectional=config.bidirectional
        )
        endings = ("", "_reverse") if config.bidirectional else ("",)
        self._last = [f"layers.{config.num_layers - 1}.h{ending}" for ending in endings]

    def knows(self, token: str) -> bool:
        """Whether a token's word is in the vocabulary."""
        return self._word(token) in self._words

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """Return the tokens that are not known; where characters are read, what is not known of their characters."""
        strange = [each for each in dict.fromkeys(tokens) if not self.knows(each)]
        if self._speller:
            return [each for each in dict.fromkeys("".join(strange)) if each not in self._characters]
        return strange

    def initial_state(self, batch_size: int) -> State:
        """Return the state of the layers before any token."""
        return self._layers.initial_state(batch_size)

    def run(self, lists: Sequence[Sequence[str]]) -> tuple[Array, Array, Ids]:
        """Return the outputs (B, T, D*H) of lists of tokens, the last ones (B, D*H), and the lengths (B,)."""
        lengths = np.array([len(tokens) for tokens in lists], np.int64)
        inside = np.arange(lengths.max(initial=0)) < lengths[:, None]
        if not inside.shape[1]:  # nothing to read
            nothing = np.zeros((len(lists), 0, self._output_size), self._embedding.dtype)
            return nothing, nothing.sum(1), lengths
        read = self._read([token for tokens in lists for token in tokens])
        x = np.zeros((*inside.shape, *read.shape[1:]), read.dtype)
        x[inside] = read
        outputs, last = self._layers.run(x, self.initial_state(len(lists)), lengths)
        return outputs, np.concatenate([last[name] for name in self._last], axis=1), lengths

    def step(self, tokens: Sequence[str], state: State) -> tuple[Array, State]:
        """Return the output (B, H) after a token for each row, and the next state of the layers."""
        outputs, after = self._layers.run(self._read(tokens)[:, None], state)
        return outputs[:, 0], after

    def _read(self, tokens: Sequence[str]) -> Array:
        """Return what the layers read of tokens: x (N, I), or the rows (N,) of the embedding."""
        if not self._speller:
            row = {token: self._words[self._word(token)] for token in set(tokens)}
            return np.array([row[token] for token in tokens], np.int64)
        number: dict[str, int] = {}
        forms = np.array([number.setdefault(token, len(number)) for token in tokens], np.int64)
        x = self._embedding[self._words.encode(map(self._word, number))]
        x = np.concatenate([x, self._spelled(self._speller, list(number))], axis=1)
        found: Array = x[forms]
        return found

    def _spelled(self, speller: Stack, forms: Sequence[str]) -> Array:
        """The last outputs (N, 2 H) of the characters of tokens, forwards and backwards."""
        found = np.zeros((len(forms), 2 * self._character_size), self._embedding.dtype)
        for rows in buckets([len(form) for form in forms], BATCH_CHARACTERS):
            lists = IdLists.of(self._characters.encode(forms[row]) for row in rows)
            ids, lengths = pad_ids(lists, np.arange(len(rows)))
            if not ids.shape[1]:
                continue  # tokens of nothing
            _, last = speller.run(ids, speller.initial_state(len(rows)), lengths)
            ends = [last[f"{SPELLER}layers.0.h{ending}"] for ending in ("", "_reverse")]
            found[rows] = np.concatenate(ends, axis=1)
        return found

"""The token encoder and the recurrent layers above it, at prediction: tokens to the outputs of the layers.

    x_t        = [ words[w_t] ; last outputs of the layer over the characters of token t, in both directions ]
    h_1 .. h_T = layers(x_1 .. x_T)

Equal tokens are encoded once. Without a layer over the characters, x_t is a row of the embedding, and the layers get
its number. nn/tagging_encoder.py is the same for torch, with derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.data.batches.buckets import length_buckets
from elman.data.batches.padded import IdLists, pad_ids
from elman.data.batches.token_characters import MAX_CHARACTERS
from elman.models.matrix import look_up, take_matrix
from elman.models.stack import Stack, State
from elman.models.token_encoder_config import TokenEncoderConfig
from elman.text import Vocabulary

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]

BATCH_CHARACTERS = 1 << 14  # of a batch, with padding
CHARACTER_ENCODER = "tokens.characters."  # the prefix of the names of the weights
ENDINGS = ("", "_reverse")  # of the names of the states: forward and backward direction


class TokenEncoder:
    """Words, their characters, and the recurrent layers above; weights are named `tokens.*` and `layers.*`."""

    def __init__(
        self,
        config: TokenEncoderConfig,
        tensors: Tensors,
        words: Vocabulary,
        characters: Vocabulary,
        word: Callable[[str], str],
    ) -> None:
        """Take weights by name, and the function that returns the vocabulary entry of a token.

        A weight of a wrong shape is a ModelError.
        """
        self._words, self._characters, self._word = words, characters, word
        self._embedding = take_matrix(tensors, "tokens.words.weight", (len(words), config.embedding_size))
        self._output_size, self._character_size = config.output_size, config.character_size
        self._character_layer = _character_layer(config, tensors, characters) if config.character_size else None
        self.layers = Stack(
            config.build_cell(),
            tensors,
            config.input_size,
            [config.hidden_size] * config.num_layers,
            None if self._character_layer else self._embedding,
            bidirectional=config.bidirectional,
        )
        endings = ENDINGS if config.bidirectional else ENDINGS[:1]
        self._last_states = [f"layers.{config.num_layers - 1}.h{ending}" for ending in endings]

    def knows(self, token: str) -> bool:
        """Return whether the word of a token is in the vocabulary."""
        return self._word(token) in self._words

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """Return the tokens that are not known, or, if there is a layer over the characters, their unknown characters.

        None is repeated.
        """
        unknown = [token for token in dict.fromkeys(tokens) if not self.knows(token)]
        if self._character_layer:
            return [character for character in dict.fromkeys("".join(unknown)) if character not in self._characters]
        return unknown

    def initial_state(self, batch_size: int) -> State:
        """Return the state of the layers before the first token."""
        return self.layers.initial_state(batch_size)

    def run(self, lists: Sequence[Sequence[str]]) -> tuple[Array, Array, Ids]:
        """Return the outputs (B, T, D*H) for lists of tokens, the last outputs (B, D*H), and the lengths (B,)."""
        outputs, state, lengths = self.read(lists, self.initial_state(len(lists)))
        return outputs, np.concatenate([state[name] for name in self._last_states], axis=1), lengths

    def read(self, lists: Sequence[Sequence[str]], state: State) -> tuple[Array, State, Ids]:
        """Return the outputs (B, T, D*H) for lists of tokens, the next state of the layers, and the lengths (B,)."""
        lengths = np.array([len(tokens) for tokens in lists], np.int64)
        inside = np.arange(lengths.max(initial=0)) < lengths[:, None]
        if not inside.shape[1]:  # all lists are empty
            return np.zeros((len(lists), 0, self._output_size), self._embedding.dtype), state, lengths
        inputs = self._inputs([token for tokens in lists for token in tokens])
        x = np.zeros((*inside.shape, *inputs.shape[1:]), inputs.dtype)
        x[inside] = inputs
        outputs, state = self.layers.run(x, state, lengths)
        return outputs, state, lengths

    def step(self, tokens: Sequence[str], state: State) -> tuple[Array, State]:
        """Return the output (B, H) after a token for each row, and the next state of the layers."""
        outputs, state_next = self.layers.run(self._inputs(tokens)[:, None], state)
        return outputs[:, 0], state_next

    def _inputs(self, tokens: Sequence[str]) -> Array:
        """Return the inputs of the layers for tokens: x (N, I), or rows (N,) of the embedding."""
        if not self._character_layer:
            row_of = {token: self._words[self._word(token)] for token in set(tokens)}
            return np.array([row_of[token] for token in tokens], np.int64)
        number_of: dict[str, int] = {}  # of different tokens
        numbers = np.array([number_of.setdefault(token, len(number_of)) for token in tokens], np.int64)
        words = look_up(self._embedding, self._words.encode(map(self._word, number_of)))
        x: Array = np.concatenate([words, self._encode_characters(self._character_layer, list(number_of))], axis=1)
        return x[numbers]

    def _encode_characters(self, layer: Stack, tokens: Sequence[str]) -> Array:
        """Return the last outputs (N, 2 H) of the layer over the characters, for tokens."""
        encoded = np.zeros((len(tokens), 2 * self._character_size), self._embedding.dtype)
        tokens = [token[:MAX_CHARACTERS] for token in tokens]
        for rows in length_buckets([len(token) for token in tokens], BATCH_CHARACTERS):
            lists = IdLists.from_arrays(self._characters.encode(tokens[row]) for row in rows)
            ids, lengths = pad_ids(lists, np.arange(len(rows)))
            if not ids.shape[1]:
                continue  # tokens without characters
            _, state = layer.run(ids, layer.initial_state(len(rows)), lengths)
            last = [state[f"{CHARACTER_ENCODER}layers.0.h{ending}"] for ending in ENDINGS]
            encoded[rows] = np.concatenate(last, axis=1)
        return encoded


def _character_layer(config: TokenEncoderConfig, tensors: Tensors, characters: Vocabulary) -> Stack:
    """Return the layer over the characters, which reads them in both directions."""
    size = config.character_embedding_size
    embedding = take_matrix(tensors, f"{CHARACTER_ENCODER}embedding.weight", (len(characters), size))
    return Stack(
        config.build_cell(),
        tensors,
        size,
        [config.character_size],
        embedding,
        prefix=CHARACTER_ENCODER,
        bidirectional=True,
    )

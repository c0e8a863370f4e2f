"""The token encoder as ONNX, and random tokens for its cases: models/token_encoder.py.

inputs    tokens (batch, time) int64, lengths (batch,) int64, and for a model that reads characters:
          characters (batch, time, width) int64, character_lengths (batch, time) int64

Only the first MAX_CHARACTERS characters of a token count, here as in the predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from elman.checkpoint import Tensors
from elman.data.batches.token_characters import MAX_CHARACTERS
from elman.models.stack import Stack
from elman.models.token_encoder import CHARACTER_ENCODER, ENDINGS
from elman.models.token_encoder_config import TokenEncoderConfig
from elman.text import Vocabulary

from .exported import padded
from .graph import INT64, Array, Graph, Value
from .recurrent import Lengths, States, check_cell, lengths_of, run_stack, zero_states

UNKNOWN_SHARE = 0.1  # of random tokens
LONGEST_WORD = 20  # of random ones


class Encoded(NamedTuple):
    """The outputs (T, B, D*H) of the layers, the last states by name, those after the last token (B, D*H)."""

    outputs: Value
    states: States
    last: Value
    lengths: Lengths


def encode_tokens(graph: Graph, config: TokenEncoderConfig, tensors: Tensors, states: States | None) -> Encoded:
    """Add the inputs and the layers of a token encoder; without states, they begin with zeros."""
    check_cell(config.build_cell())
    tokens = graph.input("tokens", INT64, ("batch", "time"))
    lengths = graph.input("lengths", INT64, ("batch",))
    rows = lengths_of(graph, lengths, graph.size(tokens, 1))
    x = graph.gather(graph.constant(tensors["tokens.words.weight"]), graph.transpose(tokens, 1, 0))
    if config.character_size:
        x = graph.concat([x, _encode_characters(graph, config, tensors, tokens)], 2)
    sizes = config.input_size, [config.hidden_size] * config.num_layers
    stack = Stack(config.build_cell(), tensors, *sizes, bidirectional=config.bidirectional)
    initial = states or zero_states(graph, stack, graph.size(tokens, 0))
    outputs, final = run_stack(graph, stack, x, initial, rows)
    names = [f"{stack.layer_name(config.num_layers - 1)}.h{ending}" for ending in stack.endings]
    return Encoded(outputs, final, graph.concat([final[name] for name in names], 1), rows)


def _encode_characters(graph: Graph, config: TokenEncoderConfig, tensors: Tensors, tokens: Value) -> Value:
    """Return the last outputs (T, B, 2 H) of the layer over the characters of every token."""
    characters = graph.input("characters", INT64, ("batch", "time", "width"))
    num_characters = graph.input("character_lengths", INT64, ("batch", "time"))
    ids = graph.reshape(graph.transpose(characters, 1, 0, 2), -1, graph.size(characters, 2))
    limit = graph.constant(np.array(MAX_CHARACTERS, np.int64))
    lengths = graph.op("Min", graph.reshape(graph.transpose(num_characters, 1, 0), -1), limit)
    stack = Stack(
        config.build_cell(),
        tensors,
        config.character_embedding_size,
        [config.character_size],
        prefix=CHARACTER_ENCODER,
        bidirectional=True,
    )
    embedding = graph.constant(tensors[f"{CHARACTER_ENCODER}embedding.weight"])
    x = graph.gather(embedding, graph.transpose(ids, 1, 0))
    rows = lengths_of(graph, lengths, graph.size(characters, 2))
    _, states = run_stack(graph, stack, x, zero_states(graph, stack, graph.size(ids, 0)), rows)
    encoded = graph.concat([states[f"{CHARACTER_ENCODER}layers.0.h{ending}"] for ending in ENDINGS], 1)
    return graph.reshape(encoded, graph.size(tokens, 1), graph.size(tokens, 0), 2 * config.character_size)


class TokenSampler:
    """Random tokens, as texts for the predictor and as the inputs of its graph."""

    def __init__(
        self,
        config: TokenEncoderConfig,
        words: Vocabulary,
        characters: Vocabulary,
        word: Callable[[str], str],
    ) -> None:
        self._config, self._words, self._characters, self._word = config, words, characters, word

    def tokens(self, lengths: Array, rng: np.random.Generator) -> list[list[str]]:
        """Return a list of tokens for each length."""
        return [[self._token(rng) for _ in range(length)] for length in lengths]

    def inputs(self, lists: Sequence[Sequence[str]], longest: int) -> dict[str, Array]:
        """Return the inputs of the graph for lists of tokens."""
        ids = [self._words.encode(map(self._word, tokens)) for tokens in lists]
        inputs = {
            "tokens": padded(ids, longest),
            "lengths": np.array([len(tokens) for tokens in lists], np.int64),
        }
        if self._config.character_size:
            width = max((len(token) for tokens in lists for token in tokens), default=1) or 1
            empty = np.zeros((0, width), np.int64)
            rows = [[padded([self._characters.encode(token)], width) for token in tokens] for tokens in lists]
            inputs["characters"] = padded([np.concatenate([empty, *row]) for row in rows], longest)
            counts = [np.array([len(token) for token in tokens], np.int64) for tokens in lists]
            inputs["character_lengths"] = padded(counts, longest)
        return inputs

    def _token(self, rng: np.random.Generator) -> str:
        if rng.random() >= UNKNOWN_SHARE or len(self._characters) < 2:
            return self._words.tokens[rng.integers(len(self._words))]
        count = int(rng.integers(1, LONGEST_WORD + 1))
        return "".join(self._characters.tokens[i] for i in rng.integers(1, len(self._characters), count))

"""The torch module that a classifier and a tagger share: the token encoder and the recurrent layers above it.

    x_t         = dropout([ words[w_t] ; last outputs of the layer over the characters of token t ])
    h_1 .. h_T  = layers(x_1 .. x_T)

Word dropout: a word that occurs n times in the training set is replaced by `<unk>` with probability w / (w + n)
(Kiperwasser and Goldberg, 2016, section 4), so that a model learns to use the characters of unknown words.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import elman.nn
from elman.data.batches.padded import IdLists
from elman.data.batches.token_characters import TokenBatch
from elman.models.token_encoder_config import TokenEncoderConfig


class TaggingEncoder(nn.Module):
    """The token encoder and the layers, with their initial weights. The weights have the names of models/."""

    def __init__(self, config: TokenEncoderConfig, words: int, characters: int) -> None:
        super().__init__()
        self.config = config
        self.tokens = elman.nn.TokenEncoder(
            config.cell,
            config.activation,
            words,
            config.embedding_size,
            characters=characters,
            character_embedding_size=config.character_embedding_size,
            character_size=config.character_size,
        )
        self.layers = elman.nn.recurrent_layers(
            config.cell,
            config.activation,
            config.input_size,
            [config.hidden_size] * config.num_layers,
            bidirectional=config.bidirectional,
        )
        self.tokens.initialize()
        elman.nn.initialize_recurrent(self.layers)

    @property
    def dropout(self) -> float:
        """The dropout probability, 0 outside of training."""
        return self.config.dropout if self.training else 0.0

    def encode(self, tokens: TokenBatch, rng: torch.Generator) -> tuple[PackedSequence, list[elman.nn.States]]:
        """Return the outputs, (D*H,) for each token, and the last states of each layer, (D, B, H)."""
        return elman.nn.run_layers(self.layers, self.tokens(tokens, self.dropout, rng), self.dropout, rng)


class WordDropout:
    """Replaces words by `<unk>` at random, rare words more often."""

    def __init__(self, words: IdLists, vocabulary_size: int, w: float) -> None:
        """Take all words of the training set as ids; w = 0 replaces none."""
        counts = np.bincount(words.ids, minlength=vocabulary_size).astype(np.float64)
        self.probabilities = w / np.maximum(w + counts, 1e-9)  # (V,)

    def __call__(self, tokens: TokenBatch, rng: torch.Generator) -> TokenBatch:
        """Return the batch with some words replaced; their characters stay."""
        if not self.probabilities.any():
            return tokens
        uniform = torch.rand(tokens.words.shape, generator=rng, device=rng.device).cpu().numpy()
        return tokens._replace(words=np.where(uniform < self.probabilities[tokens.words], 0, tokens.words))

"""What a classifier and a tagger in training have in common: tokens are read, and some words taken for unknown.

    x_t         = dropout([ words[w_t] ; last outputs of the characters of token t ])
    h_1 .. h_T  = layers(x_1 .. x_T)

A word seen n times is taken for `<unk>` with probability w / (w + n) (Kiperwasser and Goldberg, 2016, section 4), so
that a model learns to go by characters where it will have to.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import elman.nn
from elman.data.padded import IdLists
from elman.data.spelled import TokenBatch
from elman.runtime.reader_config import ReaderConfig


class Reading(nn.Module):
    """The tokens' embeddings and the layers, with the weights that training starts from; named as runtime/ has them."""

    def __init__(self, config: ReaderConfig, words: int, characters: int) -> None:
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
    def rate(self) -> float:
        """The share of activations dropped: none at prediction."""
        return self.config.dropout if self.training else 0.0

    def read(self, tokens: TokenBatch, rng: torch.Generator) -> tuple[PackedSequence, list[elman.nn.States]]:
        """Return the outputs, (D*H,) a token, and the last states of each layer, (D, B, H)."""
        return elman.nn.run_layers(self.layers, self.tokens(tokens, self.rate, rng), self.rate, rng)


class UnknownWords:
    """How often each word is taken for unknown."""

    def __init__(self, seen: IdLists, vocabulary_size: int, w: float) -> None:
        """Take all words of the training part; w of 0 takes none."""
        counts = np.bincount(seen.ids, minlength=vocabulary_size).astype(np.float64)
        self.shares = w / np.maximum(w + counts, 1e-9)  # (V,)

    def among(self, tokens: TokenBatch, rng: torch.Generator) -> TokenBatch:
        """Return the batch with some of its words taken for `<unk>`; their characters stay."""
        if not self.shares.any():
            return tokens
        drawn = torch.rand(tokens.words.shape, generator=rng, device=rng.device).cpu().numpy()
        return tokens._replace(words=np.where(drawn < self.shares[tokens.words], 0, tokens.words))

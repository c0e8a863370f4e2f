"""The torch module of a classifier.

    h_1 .. h_T = layers(x_1 .. x_T)          x_t: the encoding of token t; padding is packed away
    c          = pooling(h_1 .. h_T)
    logits     = V c + b

The weights have the names of predictor.py, which computes the same without torch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_packed_sequence

import elman.nn
from elman.data.batches.token_characters import TokenBatch
from elman.nn.tagging_encoder import TaggingEncoder

from .config import ClassifierConfig


class ClassifierNetwork(TaggingEncoder):
    """Token encoder, pooling and readout."""

    config: ClassifierConfig

    def __init__(self, config: ClassifierConfig, words: int, characters: int, labels: int) -> None:
        super().__init__(config, words, characters)
        self.pooling = elman.nn.Pooling(config.pooling, config.output_size)
        self.readout = nn.Linear(config.output_size, labels)
        nn.init.zeros_(self.readout.bias)

    def forward(self, tokens: TokenBatch, rng: torch.Generator) -> Tensor:
        """Return logits (B, C)."""
        packed, states = self.encode(tokens, rng)
        outputs, lengths = pad_packed_sequence(packed)
        last = elman.nn.dropout(states[-1][0].transpose(0, 1).flatten(1), self.dropout, rng)
        logits: Tensor = self.readout(self.pooling(outputs, last, lengths.to(outputs.device)))
        return logits

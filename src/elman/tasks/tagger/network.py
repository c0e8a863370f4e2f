"""The torch module of a tagger.

    h_1 .. h_T = layers(x_1 .. x_T)          x_t: the encoding of token t; padding is packed away
    e_t        = V h_t + b

The weights have the names of predictor.py, which computes the same without torch.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import elman.nn
from elman.data.batches.token_characters import TokenBatch
from elman.nn.tagging_encoder import TaggingEncoder
from elman.text.spans import transition_mask

from .config import TaggerConfig


class TaggerNetwork(TaggingEncoder):
    """Token encoder, readout and, if the config has one, a conditional random field."""

    config: TaggerConfig

    def __init__(self, config: TaggerConfig, words: int, characters: int, labels: tuple[str, ...]) -> None:
        super().__init__(config, words, characters)
        self.readout = nn.Linear(config.output_size, len(labels))
        nn.init.zeros_(self.readout.bias)
        self.crf = elman.nn.ConditionalRandomField(transition_mask(labels, config.scheme)) if config.crf else None

    def forward(self, tokens: TokenBatch, rng: torch.Generator) -> PackedSequence:
        """Return emissions, (C,) for each token."""
        outputs, _ = self.encode(tokens, rng)
        return outputs._replace(data=self.readout(outputs.data))

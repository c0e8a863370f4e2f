"""The torch module of a language model.

    x_t      = dropout(embedding[token_t])
    h_t      = dropout(layer_L(... layer_1(x_t, h_(t-1))))
    logits_t = V h_t + b

Dropout is applied to the output of the embedding, between layers and before the readout (Zaremba et al., 2014);
variational dropout has one mask for a segment (Gal and Ghahramani, 2016). Initial weights: those of nn/stack.py, and
zero for the embedding of `<unk>`, which may never occur in training. The weights have the names of predictor.py.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import elman.nn

from .config import LanguageModelConfig

State = dict[str, Tensor] | None  # by name, each (B, H)


class LanguageModelNetwork(nn.Module):
    """Embedding, recurrent layers and readout."""

    def __init__(self, config: LanguageModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self._states = config.build_cell().states
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size)
        self.layers = elman.nn.recurrent_layers(
            config.cell, config.activation, config.embedding_size, config.hidden_sizes
        )
        self.readout = nn.Linear(config.hidden_sizes[-1], vocabulary_size)
        if config.tie_weights:
            self.readout.weight = self.embedding.weight
        self._initialize()

    def _initialize(self) -> None:
        if self.config.tie_weights:
            nn.init.normal_(self.embedding.weight, std=self.config.embedding_size**-0.5)
        else:
            elman.nn.initialize_embedding(self.embedding)
        elman.nn.initialize_recurrent(self.layers)
        with torch.no_grad():
            self.embedding.weight[0].zero_()
            self.readout.bias.zero_()

    def forward(
        self, ids: Tensor, targets: Tensor, state: State, rng: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the summed loss of the targets (T, B) that are not IGNORE_INDEX, for ids (T, B), and the next state.

        state None is zeros. The logits are computed block by block; `logits` returns all of them.
        """
        x, next_state = self._run(ids, state, rng)
        loss = elman.nn.cross_entropy(x.flatten(0, 1), self.readout.weight, self.readout.bias, targets.flatten())
        return loss, next_state

    def logits(self, ids: Tensor, state: State, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return logits (T, B, V) and the next state."""
        x, next_state = self._run(ids, state, rng)
        return self.readout(x), next_state

    def _run(self, ids: Tensor, state: State, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        rate = self.config.dropout if self.training else 0.0
        shared = self.config.dropout_kind == "variational"
        x = ids if rate == 0.0 else elman.nn.dropout(self.embedding(ids), rate, rng, shared_over_time=shared)
        next_state: dict[str, Tensor] = {}
        names = self._states
        layer: Any  # of recurrent_layers
        for index, layer in enumerate(self.layers):
            previous = None if state is None else tuple(state[f"layers.{index}.{name}"][None] for name in names)
            hx = previous[0] if previous and len(names) == 1 else previous
            # without dropout, the input product is needed once for each vocabulary entry, not for each token
            x, final = layer.from_ids(x, self.embedding.weight, hx) if x is ids else layer(x, hx)
            for name, tensor in zip(names, (final,) if len(names) == 1 else final, strict=True):
                next_state[f"layers.{index}.{name}"] = tensor[0]
            x = elman.nn.dropout(x, rate, rng, shared_over_time=shared)
        return x, next_state

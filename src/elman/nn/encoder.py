"""Embedding and recurrent layers over packed sequences, with dropout: how every task but the language model reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from .dropout import dropout
from .stack import recurrent_layers, start_recurrent

States = list[Tensor]  # of a layer: h, or h and c


class Encoder(nn.Module):
    """Ids in, the outputs of all tokens out."""

    def __init__(
        self,
        cell: str,
        activation: str,
        vocabulary_size: int,
        embedding_size: int,
        hidden_sizes: Sequence[int],
        *,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.layers = recurrent_layers(cell, activation, embedding_size, hidden_sizes, bidirectional=bidirectional)

    def forward(self, ids: PackedSequence, rate: float, rng: torch.Generator) -> tuple[Tensor, list[States]]:
        """Return the outputs (T, B, D*H) and the last states of each layer, (D, B, H), of rows in packed order."""
        x = ids._replace(data=dropout(self.embedding(ids.data), rate, rng))
        outputs, last = read_through(self.layers, x, rate, rng)
        return pad_packed_sequence(outputs)[0], last

    @torch.no_grad()
    def start(self) -> None:
        """Give it the weights that training starts from."""
        start_embedding(self.embedding)
        start_recurrent(self.layers)


def read_through(
    layers: Iterable[nn.Module], x: PackedSequence, rate: float, rng: torch.Generator
) -> tuple[PackedSequence, list[States]]:
    """Return the outputs of the top layer, (D*H) a token, and the last states of each, with dropout after every one."""
    last = []
    for layer in layers:
        x, final = layer(x)
        x = x._replace(data=dropout(x.data, rate, rng))
        last.append(as_states(final))
    return x, last


@torch.no_grad()
def start_embedding(embedding: nn.Embedding) -> None:
    """Give an embedding the weights that training starts from; `<unk>`, which may never be seen there, is zero."""
    nn.init.normal_(embedding.weight, std=0.3)
    embedding.weight[0].zero_()


def as_states(final: Any) -> States:
    """The last states of a layer as a list."""
    return list(final) if isinstance(final, tuple) else [final]

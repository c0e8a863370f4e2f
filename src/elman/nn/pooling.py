"""Pooling of the outputs of all tokens into one vector, with derivatives; models/pooling.py has the equations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Pooling(nn.Module):
    """Return one vector of the outputs of all tokens."""

    def __init__(self, kind: str, size: int) -> None:
        super().__init__()
        self._pool = _POOLINGS[kind]
        if kind == "attention":
            self.key = nn.Linear(size, size)
            self.score = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))

    def forward(self, outputs: Tensor, last: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, N), from the first lengths (B,) of the outputs (T, B, N) and the last outputs (B, N)."""
        return self._pool(self, outputs, last, _inside(outputs, lengths))

    def weights(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the attention weights (T, B) of outputs (T, B, N); the weight of padding is zero. Attention only."""
        if not hasattr(self, "score"):
            raise ValueError("weights: given a pooling without attention; expected Pooling('attention', size)")
        return _attention_weights(self, outputs, _inside(outputs, lengths))[:, :, 0]


def _inside(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return which steps are before the end of their row, (T, B, 1)."""
    return (torch.arange(len(outputs), device=lengths.device)[:, None] < lengths)[:, :, None]


def _last(pooling: Pooling, outputs: Tensor, last: Tensor, inside: Tensor) -> Tensor:
    return last


def _mean(pooling: Pooling, outputs: Tensor, last: Tensor, inside: Tensor) -> Tensor:
    return outputs.masked_fill(~inside, 0.0).sum(0) / inside.sum(0).clamp(min=1)


def _max(pooling: Pooling, outputs: Tensor, last: Tensor, inside: Tensor) -> Tensor:
    return outputs.masked_fill(~inside, -torch.inf).amax(0)


def _attention(pooling: Pooling, outputs: Tensor, last: Tensor, inside: Tensor) -> Tensor:
    return (_attention_weights(pooling, outputs, inside) * outputs).sum(0)


def _attention_weights(pooling: Pooling, outputs: Tensor, inside: Tensor) -> Tensor:
    e = (torch.tanh(pooling.key(outputs)) @ pooling.score)[:, :, None]
    return torch.softmax(e.masked_fill(~inside, -torch.inf), 0)


_POOLINGS: dict[str, Callable[[Pooling, Tensor, Tensor, Tensor], Tensor]] = {
    "last": _last,
    "mean": _mean,
    "max": _max,
    "attention": _attention,
}

"""Attention of a decoder's outputs to the outputs of an encoder, for whole sequences at once.

    e_ts = q_t . m_s                      dot         Luong et al. (2015), equation 8
         = q_t . W m_s                    general     the same
         = v . tanh(W q_t + U m_s)        additive    Bahdanau et al. (2015), appendix A.1.2
    a_t  = softmax over s of e_t          of the first lengths[b]; the weight of padding is zero
    c_t  = sum over s of a_ts m_s         the context

Queries, memories and contexts have one size, H; the caller projects memories of another size. The scores of long
sequences, (B, T, S), would take most of the memory: then a part of the queries is computed at a time, and again for the
derivatives, so that the scores of one part are in memory.
"""

from __future__ import annotations

from functools import partial
from typing import get_args

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from elman.models.attention import Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_SCORES = 1 << 24  # computed at once


class Attention(nn.Module):
    """Contexts of queries; `weights` returns the attention weights alone."""

    def __init__(self, kind: Kind, size: int) -> None:
        """Create an attention of a kind (dot, general or additive) for queries of a size; others are a ValueError."""
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind of attention: given {kind!r}; expected {', '.join(KINDS[:-1])} or {KINDS[-1]}")
        self.kind = kind
        if kind in ("general", "additive"):
            self.key = nn.Linear(size, size, bias=False)
        if kind == "additive":
            self.query = nn.Linear(size, size, bias=False)
            self.score = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))

    def forward(self, queries: Tensor, memory: Tensor, lengths: Tensor) -> Tensor:
        """Return contexts (B, T, H) of queries (B, T, H), from the first lengths (B,) of the memories (B, S, H)."""
        keys, steps = self._keys(memory), self._steps_at_once(memory)
        if steps >= queries.shape[1]:
            return self._contexts(queries, keys, memory, lengths)
        part = partial(checkpoint, self._contexts, use_reentrant=False, preserve_rng_state=False)
        return torch.cat([part(some, keys, memory, lengths) for some in queries.split(steps, 1)], 1)

    def weights(self, queries: Tensor, memory: Tensor, lengths: Tensor) -> Tensor:
        """Return the attention weights (B, T, S)."""
        return self._weights(queries, self._keys(memory), lengths)

    def _contexts(self, queries: Tensor, keys: Tensor, memory: Tensor, lengths: Tensor) -> Tensor:
        return torch.bmm(self._weights(queries, keys, lengths), memory)

    def _keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = memory if self.kind == "dot" else self.key(memory)
        return keys

    def _weights(self, queries: Tensor, keys: Tensor, lengths: Tensor) -> Tensor:
        if self.kind == "additive":
            e = torch.tanh(self.query(queries)[:, :, None] + keys[:, None]) @ self.score
        else:
            e = torch.bmm(queries, keys.transpose(1, 2))
        padded = torch.arange(keys.shape[1], device=lengths.device) >= lengths[:, None]
        return torch.softmax(e.masked_fill(padded[:, None], -torch.inf), -1)

    def _steps_at_once(self, memory: Tensor) -> int:
        """Return how many queries of each row are computed at once."""
        B, S, H = memory.shape
        scores = B * S * (H if self.kind == "additive" else 1)
        return max(1, MAX_SCORES // max(1, scores))

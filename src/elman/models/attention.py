"""Attention at prediction: which of the encoder's outputs each step of the decoder looks at.

    e_s  = q . m_s                        dot         Luong et al. (2015), equation 8
         = q . W m_s                      general     the same
         = v . tanh(W q + U m_s)          additive    Bahdanau et al. (2015), appendix A.1.2
    a    = softmax over s of e            lengths[b] of them; what is padded has no share
    c    = sum over s of a_s m_s          the context

What depends on the memory alone, W m or U m, is computed once a source: its keys. K queries that share a memory, the
hypotheses of a beam, are one product with it. nn/attention.py is the same for torch, with derivatives.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.models.stack import take

Array = npt.NDArray[Any]
Kind = Literal["none", "dot", "general", "additive"]


class Attention:
    """One kind of attention of queries (H,) to memories (H,), its weights named `attention.*`."""

    def __init__(self, kind: Kind, tensors: Tensors, size: int) -> None:
        """Take the weights of a kind but none."""
        square = (size, size)
        self._key = take(tensors, "attention.key.weight", square) if kind in ("general", "additive") else None
        self._query = take(tensors, "attention.query.weight", square) if kind == "additive" else None
        self._score = take(tensors, "attention.score", (size,)) if kind == "additive" else None

    def keys(self, memory: Array) -> Array:
        """Return what queries are held against, (B, S, H), of memories (B, S, H)."""
        return memory if self._key is None else projected(memory, self._key)

    def weights(self, queries: Array, keys: Array, lengths: npt.NDArray[np.int64]) -> Array:
        """Return the shares (B, K, S) of S memories, for K queries (B, K, H) each."""
        if self._query is None or self._score is None:
            e = queries @ keys.transpose(0, 2, 1)
        else:
            e = np.tanh(projected(queries, self._query)[:, :, None] + keys[:, None]) @ self._score
        padded = np.arange(keys.shape[1]) >= lengths[:, None]
        e = np.where(padded[:, None], -np.inf, e)
        a = np.exp(e - e.max(-1, keepdims=True))
        shares: Array = a / a.sum(-1, keepdims=True)
        return shares


def projected(x: Array, W: Array) -> Array:
    """Return x (B, T, I) times W (O, I) transposed, as one product: NumPy would make one of each of the B."""
    product: Array = (x.reshape(-1, x.shape[-1]) @ W.T).reshape(*x.shape[:-1], len(W))
    return product

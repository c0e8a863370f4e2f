"""Attention without torch: how strongly each step of a decoder uses each output of the encoder.

    e_s  = q . m_s                        dot         Luong et al. (2015), equation 8
         = q . W m_s                      general     the same
         = v . tanh(W q + U m_s)          additive    Bahdanau et al. (2015), appendix A.1.2
    a    = softmax over s of e            attention weights; 0 for padding
    c    = sum over s of a_s m_s          context vector

q: a query, that is an output of the decoder; m_s: the encoder's output for source token s. The keys, W m or U m,
depend on the source alone and are computed once. The K queries that share a source, such as the hypotheses of a beam,
are one matrix product. nn/attention.py computes the same with torch. The derivatives are for traces.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.models.matrix import Matrix, dense, product, take, take_matrix
from elman.models.recorder import note

Array = npt.NDArray[Any]
Kind = Literal["dot", "general", "additive"]

MAX_SCORES = 1 << 24  # computed at once


class Attention:
    """Attention of queries (H,) to encoder outputs (H,). The weights are named `attention.*`."""

    def __init__(self, kind: Kind, tensors: Tensors, size: int) -> None:
        """Take the weights of a kind of attention."""
        square = (size, size)
        self._key = take_matrix(tensors, "attention.key.weight", square) if kind in ("general", "additive") else None
        self._query = take_matrix(tensors, "attention.query.weight", square) if kind == "additive" else None
        self._score = take(tensors, "attention.score", (size,)) if kind == "additive" else None

    def keys(self, encoder_outputs: Array) -> Array:
        """Return the keys (B, S, H) of encoder outputs (B, S, H)."""
        return encoder_outputs if self._key is None else projected(encoder_outputs, self._key)

    def weights(self, queries: Array, keys: Array, lengths: npt.NDArray[np.int64]) -> Array:
        """Return the attention weights (B, K, S) of queries (B, K, H), for sources of these lengths (B,)."""
        if self._query is None or self._score is None:
            e = queries @ keys.transpose(0, 2, 1)
        else:
            e = np.tanh(projected(queries, self._query)[:, :, None] + keys[:, None]) @ self._score
        is_padding = np.arange(keys.shape[1]) >= lengths[:, None]
        e = np.where(is_padding[:, None], -np.inf, e)
        exp = np.exp(e - e.max(-1, keepdims=True))
        attention_weights: Array = exp / exp.sum(-1, keepdims=True)
        return attention_weights

    def contexts(self, queries: Array, keys: Array, encoder_outputs: Array, lengths: npt.NDArray[np.int64]) -> Array:
        """Return the context vectors (B, K, H) of queries (B, K, H), a part of the queries of long sources at a time.

        The weights (B, K, S) of all queries would take most of the memory.
        """
        B, S, H = keys.shape
        scores = B * S * (1 if self._score is None else H)
        size = max(1, MAX_SCORES // max(1, scores))
        parts = []
        for first in range(0, queries.shape[1], size):
            attention_weights = self.weights(queries[:, first : first + size], keys, lengths)
            note("attention", attention_weights)
            parts.append(attention_weights @ encoder_outputs)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def backward(self, d_weights: Array, queries: Array, encoder_outputs: Array) -> tuple[Array, Array]:
        """Return d_queries (K, H) and d_encoder_outputs (S, H), from d_weights (K, S), of one source of S tokens."""
        q, m = queries, encoder_outputs
        keys = self.keys(m[None])[0]
        a = self.weights(q[None], keys[None], np.array([len(m)]))[0]
        d_e = a * (d_weights - (a * d_weights).sum(-1, keepdims=True))
        if self._query is None or self._score is None:
            d_q, d_keys = d_e @ keys, d_e.T @ q
        else:
            hidden = np.tanh(projected(q[None], self._query)[0][:, None] + keys)
            d_hidden = d_e[..., None] * self._score * (1.0 - hidden * hidden)
            d_q, d_keys = d_hidden.sum(1) @ dense(self._query), d_hidden.sum(0)
        return np.asarray(d_q), np.asarray(d_keys if self._key is None else d_keys @ dense(self._key))


def projected(x: Array, W: Matrix) -> Array:
    """Return x (B, T, I) times W (O, I) transposed, as one matrix product; NumPy would compute one for each row."""
    return product(x.reshape(-1, x.shape[-1]), W).reshape(*x.shape[:-1], len(W))

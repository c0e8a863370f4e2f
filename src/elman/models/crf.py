"""The linear-chain conditional random field: tags that are chosen together, each with the one before it.

    s(y)    = start_(y_1) + sum over t of e_(t, y_t) + sum over t > 1 of A_(y_(t-1), y_t) + end_(y_T)
    p(y)    = exp(s(y)) / Z                     Z = sum over all paths of exp(s(y))
    a_1     = start + e_1                       a_tj = e_tj + log sum over i of exp(a_(t-1)i + A_ij)       forward
    b_T     = end                               b_ti = log sum over j of exp(A_ij + e_(t+1)j + b_(t+1)j)   backward
    log Z   = log sum over j of exp(a_Tj + end_j)
    p(y_t)  = exp(a_t + b_t - log Z)

Lafferty, McCallum and Pereira (2001); for recurrent taggers, Huang, Xu and Yu (2015). What a scheme forbids scores
FORBIDDEN, which no path recovers from. A sum over what comes before is a matrix product of exponentials, taken off
their largest: what is 80 nats below it is lost. decoding/viterbi.py has the best path, nn/crf.py the derivatives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.decoding import viterbi
from elman.models.stack import take
from elman.text.spans import FORBIDDEN, Follow, Mask

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


class ConditionalRandomField:
    """Scores of what follows what, its weights named `crf.*`."""

    def __init__(self, tensors: Tensors, labels: int, allowed: Follow) -> None:
        """Take the weights for so many labels."""
        self._A = _only(allowed.after, take(tensors, "crf.transitions", (labels, labels)))
        self._start = _only(allowed.first, take(tensors, "crf.start", (labels,)))
        self._end = _only(allowed.last, take(tensors, "crf.end", (labels,)))
        self._highest = self._A.max()
        self._exp_A = np.exp(self._A - self._highest)

    def best_paths(self, emissions: Array, lengths: Ids) -> list[Ids]:
        """Return the likeliest tags of each row of emissions (B, T, C)."""
        return viterbi(emissions, lengths, self._A, self._start, self._end)

    def log_probability(self, emissions: Array, lengths: Ids, labels: Ids) -> Array:
        """Return log p (B,) of labels (B, T), whatever they are after the lengths (B,)."""
        inside = np.arange(emissions.shape[1]) < lengths[:, None]
        labels = np.where(inside, labels, 0)
        of_tokens = np.take_along_axis(emissions, labels[:, :, None], 2)[:, :, 0]
        of_pairs = self._A[labels[:, :-1], labels[:, 1:]]
        last = np.take_along_axis(labels, lengths[:, None] - 1, 1)[:, 0]
        score = np.where(inside, of_tokens, 0.0).sum(1) + np.where(inside[:, 1:], of_pairs, 0.0).sum(1)
        found: Array = score + self._start[labels[:, 0]] + self._end[last] - self.log_partition(emissions, lengths)
        return found

    def log_partition(self, emissions: Array, lengths: Ids) -> Array:
        """Return log Z (B,)."""
        return _log_sum(self._forward(emissions, lengths)[-1] + self._end)

    def marginals(self, emissions: Array, lengths: Ids) -> Array:
        """Return p(y_t) (B, T, C), given the whole sentence; what is after the lengths (B,) means nothing."""
        T = emissions.shape[1]
        a = self._forward(emissions, lengths)
        log_Z = _log_sum(a[-1] + self._end)
        b = np.broadcast_to(self._end, a[-1].shape)
        found = np.empty_like(emissions)
        for t in range(T - 1, -1, -1):
            found[:, t] = np.exp(a[t] + b - log_Z[:, None])
            inside = (t < lengths)[:, None]
            b = np.where(inside, self._back(emissions[:, t] + b), self._end)
        return found

    def start(self, emissions: Array) -> Array:
        """Return log p(y_1 | x_1) (B, C) as far as the first token tells, of emissions (B, C)."""
        return _normalized(self._start + emissions)

    def step(self, log_p: Array, emissions: Array) -> Array:
        """Return log p(y_t | x_1 .. x_t) (B, C) of emissions (B, C) and the same of the token before."""
        return _normalized(self._through(log_p) + emissions)

    def _forward(self, emissions: Array, lengths: Ids) -> list[Array]:
        """a_1 .. a_T, each (B, C); a row that has ended stays as it is."""
        a = [self._start + emissions[:, 0]]
        for t in range(1, emissions.shape[1]):
            inside = (t < lengths)[:, None]
            a.append(np.where(inside, self._through(a[-1]) + emissions[:, t], a[-1]))
        return a

    def _through(self, a: Array) -> Array:
        """Log sum over i of exp(a_i + A_ij), (B, C)."""
        return _log_product(a, self._exp_A, self._highest)

    def _back(self, b: Array) -> Array:
        """Log sum over j of exp(A_ij + b_j), (B, C)."""
        return _log_product(b, self._exp_A.T, self._highest)


def _only(allowed: Mask, scores: Array) -> Array:
    return np.where(allowed, scores, scores.dtype.type(FORBIDDEN))


def _log_product(a: Array, exp_A: Array, highest_A: Any) -> Array:
    highest = a.max(1, keepdims=True)
    with np.errstate(divide="ignore"):
        found: Array = np.log(np.exp(a - highest) @ exp_A) + (highest + highest_A)
    return found


def _log_sum(a: Array) -> Array:
    """Log sum over the last axis of exp(a)."""
    highest = a.max(-1, keepdims=True)
    found: Array = np.log(np.exp(a - highest).sum(-1)) + highest[..., 0]
    return found


def _normalized(a: Array) -> Array:
    return a - _log_sum(a)[:, None]

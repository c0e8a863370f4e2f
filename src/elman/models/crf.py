"""The linear-chain conditional random field at prediction: the tags of a sentence are chosen together.

    s(y)    = start_(y_1) + sum over t of e_(t, y_t) + sum over t > 1 of A_(y_(t-1), y_t) + end_(y_T)
    p(y)    = exp(s(y)) / Z                     Z = sum over all paths of exp(s(y))
    a_1     = start + e_1                       a_tj = e_tj + log sum over i of exp(a_(t-1)i + A_ij)       forward
    b_T     = end                               b_ti = log sum over j of exp(A_ij + e_(t+1)j + b_(t+1)j)   backward
    log Z   = log sum over j of exp(a_Tj + end_j)
    p(y_t)  = exp(a_t + b_t - log Z)

Lafferty, McCallum and Pereira (2001); for recurrent taggers, Huang, Xu and Yu (2015). A transition that the scheme of
the tags does not allow has the score FORBIDDEN_SCORE, which excludes its paths. The sum over i is a matrix product of
exponentials. The largest exponent is subtracted from all of them first, so terms that are 80 nats smaller are lost.
decoding/viterbi.py computes the best path; nn/crf.py has the derivatives.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.decoding import viterbi
from elman.models.matrix import take
from elman.text.spans import FORBIDDEN_SCORE, Mask, TransitionMask

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


class TransitionScores(NamedTuple):
    """Scores of transitions (C, C), from row to column, of first tags (C,), and of last tags (C,)."""

    transitions: Array
    start: Array
    end: Array


class ConditionalRandomField:
    """Scores of transitions, and of first and last tags; weights are named `crf.*`."""

    def __init__(self, tensors: Tensors, num_labels: int, allowed: TransitionMask) -> None:
        """Take weights by name, and the transitions that are allowed."""
        self._A = _allowed_scores(allowed.transitions, take(tensors, "crf.transitions", (num_labels, num_labels)))
        self._start = _allowed_scores(allowed.start, take(tensors, "crf.start", (num_labels,)))
        self._end = _allowed_scores(allowed.end, take(tensors, "crf.end", (num_labels,)))
        self.scores = TransitionScores(self._A, self._start, self._end)  # with those that are not allowed
        self._max_A = self._A.max()
        self._exp_A = np.exp(self._A - self._max_A)

    def best_paths(self, emissions: Array, lengths: Ids) -> list[Ids]:
        """Return the most probable labels of each row of emissions (B, T, C)."""
        return viterbi(emissions, lengths, self._A, self._start, self._end)

    def log_probability(self, emissions: Array, lengths: Ids, labels: Ids) -> Array:
        """Return log p (B,) of labels (B, T); those after the lengths (B,) do not count."""
        inside = np.arange(emissions.shape[1]) < lengths[:, None]
        labels = np.where(inside, labels, 0)
        token_scores = np.take_along_axis(emissions, labels[:, :, None], 2)[:, :, 0]
        transition_scores = self._A[labels[:, :-1], labels[:, 1:]]
        last = np.take_along_axis(labels, lengths[:, None] - 1, 1)[:, 0]
        score = np.where(inside, token_scores, 0.0).sum(1) + np.where(inside[:, 1:], transition_scores, 0.0).sum(1)
        score = score + self._start[labels[:, 0]] + self._end[last]
        log_p: Array = score - self.log_partition(emissions, lengths)
        return log_p

    def log_partition(self, emissions: Array, lengths: Ids) -> Array:
        """Return log Z (B,)."""
        return _log_sum(self._forward(emissions, lengths)[-1] + self._end)

    def marginals(self, emissions: Array, lengths: Ids) -> Array:
        """Return p(y_t) (B, T, C) given the whole sentence; values after the lengths (B,) have no meaning."""
        T = emissions.shape[1]
        a = self._forward(emissions, lengths)
        log_Z = _log_sum(a[-1] + self._end)
        b = np.broadcast_to(self._end, a[-1].shape)
        p = np.empty_like(emissions)
        for t in range(T - 1, -1, -1):
            p[:, t] = np.exp(a[t] + b - log_Z[:, None])
            inside = (t < lengths)[:, None]
            b = np.where(inside, self._sum_over_next(emissions[:, t] + b), self._end)
        return p

    def start(self, emissions: Array) -> Array:
        """Return log p(y_1 | x_1) (B, C) from the emissions (B, C) of the first token."""
        return _normalized(self._start + emissions)

    def step(self, log_p: Array, emissions: Array) -> Array:
        """Return log p(y_t | x_1 .. x_t) (B, C) from the emissions (B, C) of token t and log_p of the token before."""
        return _normalized(self._sum_over_previous(log_p) + emissions)

    def _forward(self, emissions: Array, lengths: Ids) -> list[Array]:
        """Return a_1 .. a_T, each (B, C); after the end of a row, its a stays the same."""
        a = [self._start + emissions[:, 0]]
        for t in range(1, emissions.shape[1]):
            inside = (t < lengths)[:, None]
            a.append(np.where(inside, self._sum_over_previous(a[-1]) + emissions[:, t], a[-1]))
        return a

    def _sum_over_previous(self, a: Array) -> Array:
        """Return log sum over i of exp(a_i + A_ij), (B, C)."""
        return _log_product(a, self._exp_A, self._max_A)

    def _sum_over_next(self, b: Array) -> Array:
        """Return log sum over j of exp(A_ij + b_j), (B, C)."""
        return _log_product(b, self._exp_A.T, self._max_A)


def _allowed_scores(allowed: Mask, scores: Array) -> Array:
    """Return scores with FORBIDDEN_SCORE in place of those that are not allowed."""
    return np.where(allowed, scores, scores.dtype.type(FORBIDDEN_SCORE))


def _log_product(a: Array, exp_A: Array, max_A: Any) -> Array:
    """Return log (exp(a) exp(A)), where exp_A is exp(A - max_A)."""
    largest = a.max(1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_sum: Array = np.log(np.exp(a - largest) @ exp_A) + (largest + max_A)
    return log_sum


def _log_sum(a: Array) -> Array:
    """Return log sum over the last axis of exp(a)."""
    largest = a.max(-1, keepdims=True)
    log_sum: Array = np.log(np.exp(a - largest).sum(-1)) + largest[..., 0]
    return log_sum


def _normalized(a: Array) -> Array:
    """Return log probabilities from scores (B, C)."""
    return a - _log_sum(a)[:, None]

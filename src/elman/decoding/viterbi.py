"""Viterbi: the best path of labels for scores of labels and scores of transitions between them.

    v_1(j) = start_j + e_1j
    v_t(j) = e_tj + max over i of (v_(t-1)(i) + A_ij)           the best path ends where v_T(j) + end_j is largest

Viterbi (1967); for tagging, Lafferty, McCallum and Pereira (2001). Time O(T C^2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


def viterbi(emissions: Array, lengths: Ids, transitions: Array, start: Array, end: Array) -> list[Ids]:
    """Return the best path of each row, labels (length,); of equal paths, the one with the lowest numbers.

    emissions (B, T, C) are valid up to lengths (B,). transitions (C, C) are scores from row to column; start and end
    (C,). A score of -inf excludes a path, unless all paths are excluded.
    """
    B, T, C = emissions.shape
    back = np.zeros((T, B, C), np.int64)
    best = start + emissions[:, 0] if T else np.zeros((B, C), emissions.dtype)
    for t in range(1, T):
        scores = best[:, :, None] + transitions
        back[t] = scores.argmax(1)
        next_best = np.take_along_axis(scores, back[t][:, None], 1)[:, 0] + emissions[:, t]
        best = np.where((t < lengths)[:, None], next_best, best)
    last = (best + end).argmax(1)
    return [_trace_back(back[:, row], int(length), int(last[row])) for row, length in enumerate(lengths)]


def _trace_back(back: Ids, length: int, last: int) -> Ids:
    """Follow the back pointers (T, C) from the last label to the first."""
    path = np.empty(length, np.int64)
    for t in range(length - 1, -1, -1):
        path[t] = last
        last = int(back[t, last])
    return path

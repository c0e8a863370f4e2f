"""Viterbi: the best path of labels through scores, when what follows what has a score too.

    v_1(j) = start_j + e_1j
    v_t(j) = e_tj + max over i of (v_(t-1)(i) + A_ij)           the best path ends where v_T(j) + end_j is largest

Viterbi (1967); for tagging, Lafferty, McCallum and Pereira (2001). O(T C^2). Knows no task: numbers in, numbers out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


def viterbi(emissions: Array, lengths: Ids, transitions: Array, start: Array, end: Array) -> list[Ids]:
    """Return the best path of each row, of its length: labels (length,), of equally good ones the lowest numbers.

    emissions (B, T, C), of which the first lengths (B,) count, transitions (C, C) from row to column, start and end
    (C,). Where a score is -inf, no path goes, unless there is no other.
    """
    B, T, C = emissions.shape
    back = np.zeros((T, B, C), np.int64)
    best = start + emissions[:, 0] if T else np.zeros((B, C), emissions.dtype)
    for t in range(1, T):
        through = best[:, :, None] + transitions
        back[t] = through.argmax(1)
        reached = np.take_along_axis(through, back[t][:, None], 1)[:, 0] + emissions[:, t]
        best = np.where((t < lengths)[:, None], reached, best)
    last = (best + end).argmax(1)
    return [_path(back[:, row], int(length), int(last[row])) for row, length in enumerate(lengths)]


def _path(back: Ids, length: int, last: int) -> Ids:
    """Follow the pointers (T, C) from the last label to the first."""
    path = np.empty(length, np.int64)
    for t in range(length - 1, -1, -1):
        path[t] = last
        last = int(back[t, last])
    return path

"""What a call of a recurrent layer computes, beside its tensors, and how those lie in memory.

Time first: x (T, B, I), or packed (N, I) with lengths; states (layers * D, B, H) as torch.nn has them; weights in the
order of torch.nn: layer by layer, direction by direction, W, U and, with biases, b_ih, b_hh. With a table, x holds ids
(T, B), and every bottom W is a table (V, G*H) of products W e + b_ih.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Call:
    """What a call computes, beside its tensors."""

    mode: str  # torch.nn's name of the cell
    num_directions: int
    bias: bool
    batch_sizes: Tensor | None = None  # (T,) of packed x
    reset: Tensor | None = None  # (T, B) booleans
    table: bool = False

    @property
    def num_states(self) -> int:
        """h, or h and c."""
        return 2 if self.mode == "LSTM" else 1

    @property
    def lengths(self) -> npt.NDArray[np.int64] | None:
        """(B,) of packed x, in falling order."""
        if self.batch_sizes is None:
            return None
        sizes = self.batch_sizes.numpy()
        rows = int(sizes[0]) if len(sizes) else 0
        return np.searchsorted(-sizes, -np.arange(rows), side="left").astype(np.int64)

    def layer_weights(self, weights: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return (W, U, b_ih, b_hh) of every layer and direction, with None for an absent bias."""
        n = 4 if self.bias else 2
        layers = [(*weights[i : i + n], *([None] * (4 - n))) for i in range(0, len(weights), n)]
        if self.table:  # the table includes b_ih
            D = self.num_directions
            layers[:D] = [(W, U, None, b_hh) for W, U, _, b_hh in layers[:D]]
        return layers


def contiguous(t: Tensor) -> Tensor:
    """Return the numbers in C order: the tensor itself if they are."""
    return t if t.is_contiguous() else t.detach().contiguous()

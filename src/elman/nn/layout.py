"""The axes of a layer's arguments and results: batch_first or time first, batched or unbatched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def reset_time_first(layer: Any, reset: Tensor | None, shape: Sequence[int], *, unbatched: bool) -> Tensor | None:
    """Return reset as (T, B) booleans, for steps of shape (T, B)."""
    if reset is None:
        return None
    expected = tuple(shape[:1]) if unbatched else tuple(reversed(shape)) if layer.batch_first else tuple(shape)
    if reset.dtype != torch.bool or tuple(reset.shape) != expected:
        raise ValueError(f"reset: given {reset.dtype} {tuple(reset.shape)}; expected booleans {expected}")
    return reset.unsqueeze(1) if unbatched else reset.t() if layer.batch_first else reset


def results_in_layout(layer: Any, y: Tensor, final: list[Tensor], *, unbatched: bool) -> Any:
    """Return (outputs, h) or (outputs, (h, c)) in the layer's layout, from y (T, B, D*H) and states (L*D, B, H)."""
    if unbatched:
        y, final = y.squeeze(1), [s.squeeze(1) for s in final]
    elif layer.batch_first:
        y = y.transpose(0, 1)
    return y, final[0] if len(final) == 1 else tuple(final)

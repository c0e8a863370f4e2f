"""Gradient clipping: gradients that are too large become smaller before an update.

    norm = sqrt(sum of g^2 over all entries of all arrays)      the norm of all gradients together
    by norm     g' = g * min(1, max_norm / norm)                keeps the direction; norm' <= max_norm
    by value    g' = min(max(g, -bound), bound)                 entry by entry; changes the direction

Source: Pascanu, Mikolov and Bengio (2013), algorithm 1. torch.nn.utils.clip_grad_norm_ divides by norm + 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .activations import Array


def global_norm(gradients: Sequence[Array]) -> float:
    """Return the norm of all gradients together."""
    return float(np.sqrt(sum(float((g * g).sum()) for g in gradients)))


def clip_by_norm(gradients: Sequence[Array], max_norm: float) -> list[Array]:
    """Return the gradients, scaled together so that their norm is at most max_norm."""
    norm = global_norm(gradients)
    scale = max_norm / norm if norm > max_norm else 1.0
    return [g * scale for g in gradients]


def clip_by_value(gradients: Sequence[Array], bound: float) -> list[Array]:
    """Return the gradients with every entry between -bound and bound."""
    return [np.clip(g, -bound, bound) for g in gradients]

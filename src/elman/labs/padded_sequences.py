"""The sequences of the lab masked-loss: letters of a Markov chain, an end symbol, and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

SYMBOLS, PADDING, END, FIRST = 11, 0, 1, 2  # symbols from FIRST are letters
STEPS = 20  # the largest length


def markov_sequences(rng: np.random.Generator, transitions: Any, size: int) -> tuple[Any, Any]:
    """Return sequences (size, STEPS + 1) of a Markov chain, each with its end symbol, and the mask; most are short."""
    short = rng.random(size) < 0.8
    lengths = np.where(short, rng.integers(2, 5, size), rng.integers(5, STEPS + 1, size))
    x = np.zeros((size, STEPS + 1), np.int64)
    x[:, 0] = rng.integers(FIRST, SYMBOLS, size)
    for t in range(1, STEPS + 1):
        above = rng.random((size, 1)) > transitions[x[:, t - 1] - FIRST].cumsum(axis=1)
        x[:, t] = FIRST + above[:, :-1].sum(axis=1)
    positions = np.arange(STEPS + 1)
    x[positions == lengths[:, None]] = END
    mask = positions <= lengths[:, None]
    return np.where(mask, x, PADDING), mask

"""A small random recurrent machine as a step function: its logits depend on everything that it was fed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elman.decoding.generation import State

Floats = npt.NDArray[np.float64]


class Machine:
    """h' = tanh(h A + E[token]), logits = h' R. It keeps the tokens of every step it was asked for."""

    def __init__(self, seed: int, vocabulary_size: int, *, size: int = 4, scale: float = 1.5) -> None:
        rng = np.random.default_rng(seed)
        self._A = rng.standard_normal((size, size))
        self._E = rng.standard_normal((vocabulary_size, size))
        self._R = scale * rng.standard_normal((size, vocabulary_size))
        self._first = rng.standard_normal((1, size))
        self.fed: list[list[int]] = []

    def start(self) -> tuple[Floats, State]:
        """Return the logits (V,) and the state (a batch of one) before any token."""
        return (self._first @ self._R)[0], {"h": self._first}

    def step(self, tokens: npt.NDArray[np.int64], state: State) -> tuple[Floats, State]:
        self.fed.append(tokens.tolist())
        h = np.tanh(state["h"] @ self._A + self._E[tokens])
        return h @ self._R, {"h": h}

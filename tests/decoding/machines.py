"""A small random recurrent network as a step function: its logits depend on all previous tokens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elman.decoding.generation import State

Floats = npt.NDArray[np.float64]


class Machine:
    """h' = tanh(h A + E[token]), logits = h' R. `inputs` records the tokens of every step."""

    def __init__(self, seed: int, vocabulary_size: int, *, size: int = 4, scale: float = 1.5) -> None:
        rng = np.random.default_rng(seed)
        self._A = rng.standard_normal((size, size))
        self._E = rng.standard_normal((vocabulary_size, size))
        self._R = scale * rng.standard_normal((size, vocabulary_size))
        self._initial = rng.standard_normal((1, size))
        self.inputs: list[list[int]] = []

    def start(self) -> tuple[Floats, State]:
        """Return the logits (V,) and the state (a batch of one) before any token."""
        return (self._initial @ self._R)[0], {"h": self._initial}

    def step(self, tokens: npt.NDArray[np.int64], state: State) -> tuple[Floats, State]:
        self.inputs.append(tokens.tolist())
        h = np.tanh(state["h"] @ self._A + self._E[tokens])
        return h @ self._R, {"h": h}

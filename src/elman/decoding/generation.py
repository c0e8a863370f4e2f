"""Generation: choose a token, compute the next step from it, and repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .sampling import Floats, Sampler

State = dict[str, npt.NDArray[Any]]
Step = Callable[[npt.NDArray[np.int64], State], tuple[Floats, State]]


def generate(
    step: Step, logits: Floats, state: State, sampler: Sampler, rng: np.random.Generator, max_tokens: int
) -> Iterator[int]:
    """Yield up to max_tokens ids after a prompt with these logits (V,) and state (a batch of one)."""
    for remaining in range(max_tokens - 1, -1, -1):
        token = sampler.choose(logits, rng)
        yield token
        if remaining:
            rows, state = step(np.array([token]), state)
            logits = rows[0]

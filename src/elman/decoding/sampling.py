"""Sampling: a probability distribution over tokens from logits, and a random token from it.

    p = softmax(logits / temperature), then in this order
    top_k   keep the k most likely tokens (Fan et al., 2018)
    top_p   keep the fewest most likely tokens whose sum of probabilities is at least top_p (Holtzman et al., 2020)

temperature 0 is greedy: the most likely token, the lowest id of equals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Sampler:
    """The options of sampling. `forbidden` ids are never chosen."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    forbidden: Sequence[int] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < np.inf:
            raise ValueError(f"temperature: given {self.temperature}; expected 0 (greedy) or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k: given {self.top_k}; expected 1 or more")
        if self.top_p is not None and not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p: given {self.top_p}; expected more than 0 and at most 1")

    def choose(self, logits: Floats, rng: np.random.Generator) -> int:
        """Return one token id drawn from logits (V,)."""
        p = distribution(logits, self)
        cumulative = np.cumsum(p)
        drawn = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
        return min(drawn, int(np.flatnonzero(p)[-1]))  # after rounding, the index may be past the last possible token


def distribution(logits: Floats, sampler: Sampler) -> npt.NDArray[np.float64]:
    """Return the probability of each token (V,)."""
    z = logits.astype(np.float64)
    z[list(sampler.forbidden)] = -np.inf
    if sampler.temperature == 0.0:
        greedy = np.zeros(len(z), np.float64)
        greedy[int(z.argmax())] = 1.0
        return greedy
    with np.errstate(over="ignore"):  # at a tiny temperature, -inf is correct
        z = np.exp((z - z.max()) / sampler.temperature)
    p: npt.NDArray[np.float64] = z / z.sum()
    if sampler.top_k is not None and sampler.top_k < len(p):
        p[np.argsort(-p, kind="stable")[sampler.top_k :]] = 0.0
        p /= p.sum()
    if sampler.top_p is not None and sampler.top_p < 1.0:
        order = np.argsort(-p, kind="stable")
        sum_before = np.cumsum(p[order]) - p[order]
        p[order[sum_before >= sampler.top_p]] = 0.0
        p /= p.sum()
    return p

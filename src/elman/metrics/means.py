"""Means as (sum, count) pairs, and units of a mean loss: perplexity and bits per character."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mean:
    """A sum and a count. Means can be added."""

    sum: float = 0.0
    count: int = 0

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.sum + other.sum, self.count + other.count)

    @property
    def value(self) -> float:
        """The mean; NaN if the count is 0."""
        return self.sum / self.count if self.count else math.nan


def perplexity(loss: float) -> float:
    """Return e^loss for a loss in nats per token: a uniform guess among this many tokens has the same loss."""
    return math.exp(min(loss, 700.0))


def bits_per_character(loss_sum: float, characters: int) -> float:
    """Return the loss, a sum in nats over all tokens, in bits per character of the text."""
    return loss_sum / math.log(2.0) / characters if characters else math.nan

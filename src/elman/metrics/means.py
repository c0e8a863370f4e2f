"""Means as (sum, count) pairs, and what a mean loss is told as."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean on its way: add two, divide last."""

    sum: float = 0.0
    count: int = 0

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.sum + other.sum, self.count + other.count)

    @property
    def value(self) -> float:
        """The mean; nan where nothing was counted."""
        return self.sum / self.count if self.count else math.nan


def perplexity(loss: float) -> float:
    """Return e^loss for a loss in nats per token: the number of equally likely tokens that would be as surprising."""
    return math.exp(min(loss, 700.0))


def bits_per_character(loss_sum: float, characters: int) -> float:
    """Return the bits of a loss in nats, summed over all tokens, for each character of the text they spell."""
    return loss_sum / math.log(2.0) / characters if characters else math.nan

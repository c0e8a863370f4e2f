"""The examples of the lab io-patterns: inputs (B, T) and targets (B, S) of tokens, -1 where a target is padding.

Each function takes a random generator and whether the examples are those of the test.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SYMBOLS = [*map(str, range(10)), "S", "E"]  # digits are their own tokens
START, END = 10, 11
BATCH, TEST_SIZE = 64, 500
LONGEST, REVERSED, COPIES = 8, 3, 5  # digits that are read, that are reversed, and the most copies of a digit
Ids = Any  # a tensor of tokens (B, T)


def complement(rng: np.random.Generator, test: bool) -> tuple[Ids, Ids]:
    """Return all ten digits n (10, 1), and 9 - n: there are no others for a test."""
    import torch

    n = torch.arange(10)[:, None]
    return n, 9 - n


def copies(rng: np.random.Generator, test: bool) -> tuple[Ids, Ids]:
    """Return the digits n from 0 to 5 (6, 1), and n copies of n and E, padded with -1."""
    import torch

    n = torch.arange(COPIES + 1)[:, None]
    return n, torch.tensor([[k] * k + [END] + [-1] * (COPIES - k) for k in n[:, 0].tolist()])


def random_digits(rng: np.random.Generator, test: bool) -> Ids:
    """Return digits (B, T) of a random T, for the test of the largest T."""
    import torch

    length = LONGEST if test else int(rng.integers(2, LONGEST + 1))
    return torch.from_numpy(rng.integers(10, size=(TEST_SIZE if test else BATCH, length)))


def reversal(rng: np.random.Generator, test: bool) -> tuple[Ids, Ids]:
    """Return three digits and the same reversed with E; those whose sum is a multiple of 5 are only in the test."""
    import torch

    x = torch.cartesian_prod(*[torch.arange(10)] * REVERSED)
    x = x[(x.sum(1) % 5 == 0) == test]
    x = x if test else x[torch.from_numpy(rng.integers(len(x), size=BATCH))]
    return x, torch.cat([x.flip(1), torch.full((len(x), 1), END)], dim=1)


def largest(rng: np.random.Generator, test: bool) -> tuple[Ids, Ids]:
    """Return digits and the largest of them (B, 1)."""
    x = random_digits(rng, test)
    return x, x.amax(1, keepdim=True)


def so_far(rng: np.random.Generator, test: bool) -> tuple[Ids, Ids]:
    """Return digits and the largest up to each (B, T)."""
    x = random_digits(rng, test)
    return x, x.cummax(1).values

"""A random choice that is the same on every machine and with every Python: only `Random.random` is used.

Python guarantees only that the values of `Random(seed).random()` never change.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def choose(rng: random.Random, choices: Sequence[T]) -> T:
    """Return one of the choices."""
    return choices[int(rng.random() * len(choices))]
